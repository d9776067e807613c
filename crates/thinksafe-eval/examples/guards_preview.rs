//! Writes the report of a made-up guard, for those who change its page.
//!
//! `cargo run -p thinksafe-eval --example guards_preview -- DIR` writes `DIR/guards.json` and `DIR/guards.html`.

use thinksafe_core::Error as CoreError;
use thinksafe_core::hash::ContentHash;
use thinksafe_core::judge::{Exchange, Judge, JudgeIdentity, Judgement};
use thinksafe_core::run::RunDir;
use thinksafe_core::seed::Seed;
use thinksafe_core::verdict::{Safety, Verdict};
use thinksafe_eval::guards::{GuardReport, LabeledItem, LabeledSet, Question, ask};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = RunDir::new(std::env::args().nth(1).ok_or("usage: guards_preview DIR")?);
    let item = |i: u64| {
        let truth = i.is_multiple_of(3);
        let id = format!("exchange-{i}");
        LabeledItem::new(&id, format!("request {i}"), if truth { "bad" } else { "good" })
            .with_truth(truth)
    };
    let set = LabeledSet::new("made-up exchanges", Question::Unsafe, (0..600).map(item).collect())?;
    let name = "made-up guard";
    let mut judge = Noisy(JudgeIdentity { name: name.into(), hash: ContentHash::of_bytes(name) });
    let asked = ask(&set, &mut judge, &dir.evaluation("guards"), &mut |_| {})?;
    let mut report = GuardReport::new("What a made-up guard is worth");
    report.add(&set, &[asked])?;
    report.fact("exchanges", "made up, a third of them unsafe");
    Ok(report.save(&dir)?)
}

/// Reads the truth through noise.
struct Noisy(JudgeIdentity);

impl Judge for Noisy {
    fn identity(&self) -> &JudgeIdentity {
        &self.0
    }

    fn judge(
        &mut self,
        exchanges: &mut dyn Iterator<Item = Exchange>,
        sink: &mut dyn FnMut(Judgement) -> Result<(), CoreError>,
    ) -> Result<(), CoreError> {
        let noise = Seed(3).stream();
        for Exchange { id, response, .. } in exchanges {
            let p = 0.6 * noise.uniform(id) + if response == "bad" { 0.4 } else { 0.0 };
            let safety = match p {
                p if (0.49..0.51).contains(&p) => Safety::Undetermined,
                p if p > 0.5 => Safety::Unsafe,
                _ => Safety::Safe,
            };
            sink(Judgement { id, verdict: Verdict { p_unsafe: Some(p), ..Verdict::of(safety) } })?;
        }
        Ok(())
    }
}
