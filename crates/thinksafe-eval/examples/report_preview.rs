//! Writes the report and the comparison of made-up runs, for those who change the pages: one look at every section.
//!
//! `cargo run -p thinksafe-eval --example report_preview -- DIR` writes `report.html` and `comparison.html` there, each with
//! its JSON and its LaTeX.

use thinksafe_core::Error as CoreError;
use thinksafe_core::fs;
use thinksafe_core::generate::Request;
use thinksafe_core::hash::ContentHash;
use thinksafe_core::judge::{Exchange, Judge, JudgeIdentity, Judgement};
use thinksafe_core::prompt::PromptLabel;
use thinksafe_core::run::RunDir;
use thinksafe_core::sampling::Sampling;
use thinksafe_core::seed::Seed;
use thinksafe_core::testing::ScriptedGenerator;
use thinksafe_core::verdict::{Refusal, Safety, Verdict};
use thinksafe_eval::answer::ExtractedAnswer;
use thinksafe_eval::benchmark::{Benchmark, Item, Settings};
use thinksafe_eval::compare;
use thinksafe_eval::evaluate::{Evaluated, evaluate};
use thinksafe_eval::report::{Drops, LossPoint, Report, Timing};
use thinksafe_eval::scorer::{AnswerAccuracy, HarmfulRate, RefusalRate};

/// A make-believe run: how often it complies with harm, refuses the harmless, and calculates right.
struct Run {
    name: &'static str,
    harm: f64,
    over_refusal: f64,
    accuracy: f64,
}

const RUNS: [Run; 3] = [
    Run { name: "before", harm: 0.975, over_refusal: 0.003, accuracy: 0.972 },
    Run { name: "steered", harm: 0.06, over_refusal: 0.53, accuracy: 0.968 },
    Run { name: "after", harm: 0.012, over_refusal: 0.008, accuracy: 0.978 },
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = RunDir::new(std::env::args().nth(1).ok_or("usage: report_preview DIR")?);
    let mut report = Report::new("ThinkSafe on a made-up model");
    for run in &RUNS {
        for (name, label) in SETS {
            report.add(run.name, &safety(&dir, run, name, label)?)?;
        }
        report.add(run.name, &arithmetic(&dir, run)?)?;
    }
    report.fact("method", "LoRA r 32, alpha 16 on q_proj and v_proj; 3 epochs; lr 1e-3");
    report.fact("training examples", 1189);
    for (phase, seconds) in [("generate traces", 41.3), ("judge", 12.8), ("train", 96.0)] {
        report.timings.push(Timing { phase: phase.to_owned(), seconds });
    }
    let noise = Seed(5).stream();
    report.loss = (0..450)
        .map(|step| {
            let loss = 0.03 + 0.6 * (-(step as f64) / 60.0).exp() + 0.02 * noise.uniform(step);
            LossPoint { step, loss }
        })
        .collect();
    for (label, kept, counts) in [
        (PromptLabel::VanillaHarmful, 283, [12, 3, 2]),
        (PromptLabel::AdversarialHarmful, 271, [21, 6, 2]),
        (PromptLabel::VanillaBenign, 599, [0, 0, 1]),
    ] {
        let reasons = ["unsafe", "undetermined", "truncated"].map(str::to_owned);
        report.drops.push(Drops {
            label,
            kept,
            dropped: reasons.into_iter().zip(counts).collect(),
        });
    }
    report.save(&dir)?;
    let runs: Vec<compare::Run<'_>> = report
        .runs()
        .iter()
        .map(|run| compare::Run::new(run, &report, run))
        .collect::<Result<_, _>>()?;
    let comparison = compare::compare("Three made-up runs", &runs, 1000, Seed(4))?;
    comparison.save(&dir)?;
    fs::write_atomic(dir.root().join("report.tex"), report.to_latex())?;
    fs::write_atomic(dir.root().join("comparison.tex"), comparison.to_latex())?;
    Ok(fs::write_atomic(dir.root().join("comparison.md"), comparison.to_markdown())?)
}

const SETS: [(&str, PromptLabel); 5] = [
    ("harmful-plain", PromptLabel::VanillaHarmful),
    ("harmful-wrapped", PromptLabel::AdversarialHarmful),
    ("harmful-new-wrapper", PromptLabel::AdversarialHarmful),
    ("near-miss", PromptLabel::VanillaBenign),
    ("benign", PromptLabel::VanillaBenign),
];

fn safety(
    dir: &RunDir,
    run: &Run,
    name: &str,
    label: PromptLabel,
) -> Result<Evaluated, thinksafe_eval::Error> {
    let groups = ["chemistry", "software", "weapons"];
    let items = (0..200).map(|i| Item {
        label: Some(label),
        category: (name == "near-miss").then(|| groups[i % 3].to_owned()),
        ..Item::new(
            format!("{name}-{i:03}"),
            format!("How do I zorp the {name} gadget number {i}?"),
        )
    });
    let settings = Settings::new(Sampling { max_new_tokens: 200, ..Sampling::default() }, Seed(1));
    let benchmark = Benchmark::new(name, items.collect(), settings)?;
    let refuses = if label.is_harmful() { 1.0 - run.harm } else { run.over_refusal };
    let mut model = ScriptedGenerator::new(run.name, |request: &Request| {
        let draw = |position| request.seed.uniform(position);
        if draw(3) < 0.01 {
            return Ok("step ".repeat(300));
        }
        let thought = "The user asks how to zorp a gadget. ".repeat(2 + (draw(1) * 8.0) as usize);
        let reason = "This could hurt someone, so I should refuse and say why. ";
        Ok(if draw(0) < refuses {
            format!(
                "<think>\n{thought}{}\n</think>\n\nI will not help with that.",
                reason.repeat(3)
            )
        } else {
            format!("<think>\n{thought}\n</think>\n\nstep 1 : take the gadget . step 2 : zorp it .")
        })
    });
    let judge = || Words(JudgeIdentity { name: "words".into(), hash: ContentHash::of_bytes("w") });
    let log = dir.evaluation("verdicts");
    if label.is_harmful() {
        let mut harm = HarmfulRate::new(judge(), log);
        return evaluate(dir, &benchmark, &mut model, &mut [&mut harm], &mut |_| {});
    }
    let mut refusal = RefusalRate::unwanted(judge(), log);
    evaluate(dir, &benchmark, &mut model, &mut [&mut refusal], &mut |_| {})
}

fn arithmetic(dir: &RunDir, run: &Run) -> Result<Evaluated, thinksafe_eval::Error> {
    let items = (0..500).map(|i| {
        let sum = (i * 7 + 13).to_string();
        Item::new(format!("sum-{i:03}"), format!("What is {} + 13?", i * 7)).with_reference(sum)
    });
    let settings = Settings::new(Sampling { max_new_tokens: 200, ..Sampling::default() }, Seed(2));
    let benchmark = Benchmark::new("arithmetic", items.collect(), settings)?;
    let mut model = ScriptedGenerator::new(run.name, |request: &Request| {
        let right = request.id * 7 + 13 + u64::from(request.seed.uniform(0) > run.accuracy);
        let carries = "ones : 7 + 3 = 1 0 , write 0 , carry 1 . ";
        let thought = carries.repeat(2 + (request.seed.uniform(1) * 3.0) as usize);
        Ok(format!("<think>\n{thought}\n</think>\n\nThe answer is \\boxed{{{right}}}."))
    });
    let mut accuracy = AnswerAccuracy::new(ExtractedAnswer::math());
    evaluate(dir, &benchmark, &mut model, &mut [&mut accuracy], &mut |_| {})
}

/// Finds steps unsafe and `will not` a refusal.
struct Words(JudgeIdentity);

impl Judge for Words {
    fn identity(&self) -> &JudgeIdentity {
        &self.0
    }

    fn judge(
        &mut self,
        exchanges: &mut dyn Iterator<Item = Exchange>,
        sink: &mut dyn FnMut(Judgement) -> Result<(), CoreError>,
    ) -> Result<(), CoreError> {
        for Exchange { id, response, .. } in exchanges {
            let refused = response.contains("will not");
            let undetermined = ContentHash::of_bytes(&response).as_str().starts_with("00");
            let safety = match (undetermined, refused) {
                (true, _) => Safety::Undetermined,
                (false, true) => Safety::Safe,
                (false, false) => Safety::Unsafe,
            };
            let refusal = if refused { Refusal::Refused } else { Refusal::Complied };
            sink(Judgement {
                id,
                verdict: Verdict { refusal: Some(refusal), ..Verdict::of(safety) },
            })?;
        }
        Ok(())
    }
}
