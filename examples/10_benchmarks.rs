//! Evaluates a model on the published benchmarks, as the paper asks them, before and after fine-tuning, and sets the
//! result beside the paper's.
//!
//! ```text
//! cargo run --release -p thinksafe-examples --example 10_benchmarks -- --benchmarks bench/ --model Qwen3-0.6B \
//!     --guard Llama-Guard-3-8B --wildguard wildguard --device cuda:0 --precision bf16 --paper Qwen3-0.6B \
//!     --adapter runs/thinksafe/adapter
//! ```
//!
//! `bench/` holds the files as their owners publish them; `docs/REPRODUCTION.md` says where they are. Those that are not
//! there are named and left out. `--only gsm8k,aime24` takes a few, `--set mine.toml` one of your own. Without `--adapter` only the
//! model as it is is evaluated; with it and the same `--out` later, only what is new is asked.
//!
//! Without a GPU, and without weights: `--tokenizer DIR` in place of `--model` runs a small model of Qwen3's layout with
//! random weights, the miniature's guard and rules for refusals. What it measures means nothing; that it loads, asks,
//! resumes and scores is what there is to see: `--items 50 --samples 1 --max-new-tokens 16`. `--miniature` adds the embedded
//! miniature on its own sets, whose numbers do mean something.
//!
//! Killed and started again, it goes on where it was. Started when all is done, it scores again and asks nothing.
//! With `--inspect` it writes logs for `inspect view --log-dir runs/benchmarks/inspect` too.

#![expect(clippy::print_stdout, reason = "a program speaks to people")]

use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::Result;
use clap::Parser;
use thinksafe_core::run::RunDir;
use thinksafe_core::seed::Seed;
use thinksafe_eval::contamination::contamination;
use thinksafe_eval::estimate::{paired_tests, pass_at_k};
use thinksafe_eval::evaluate::{Evaluated, evaluate};
use thinksafe_eval::inspect::InspectLog;
use thinksafe_eval::paper;
use thinksafe_eval::report::{Report, ResultTable};
use thinksafe_eval::spec::Spec;
use thinksafe_examples::{Bar, Published, evaluate_miniature};
use thinksafe_trace::{Columns, PromptSet};

/// Evaluates a model on the published benchmarks.
#[derive(Debug, Parser)]
struct Options {
    #[command(flatten)]
    published: Published,
    /// A LoRA adapter of the model: it is evaluated without and with it.
    #[arg(long, value_name = "DIR")]
    adapter: Option<PathBuf>,
    /// The prompts that the model was trained on, to be compared with the benchmarks.
    #[arg(long, value_name = "FILE")]
    prompts: Option<PathBuf>,
    /// At most this many items of each benchmark.
    #[arg(long, default_value_t = usize::MAX)]
    items: usize,
    /// The run directory.
    #[arg(long, default_value = "runs/benchmarks")]
    out: PathBuf,
    /// The paper's model to compare with, by name.
    #[arg(long, value_name = "MODEL")]
    paper: Option<String>,
    /// Write logs for inspect_ai too, into the run's `inspect/`.
    #[arg(long)]
    inspect: bool,
    /// Evaluate the embedded miniature on its own sets too.
    #[arg(long)]
    miniature: bool,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let (published, run) = (&options.published, RunDir::new(&options.out));
    let (mut report, mut bar) = (Report::new("Benchmarks"), Bar::default());
    let mut benchmarks = Vec::new();
    for spec in published.specs()? {
        if published.benchmarks.join(&spec.file).exists() {
            let loaded = spec.load(&published.benchmarks)?;
            report.fact(&spec.name, &loaded.provenance);
            benchmarks.push((spec, loaded.benchmark.first(options.items)));
        } else {
            println!("{}: no {}, which is {}", spec.name, spec.file.display(), spec.source);
        }
    }
    if let Some(path) = &options.prompts {
        let prompts = PromptSet::read(path, &Columns::default())?;
        for (spec, benchmark) in &benchmarks {
            let found = contamination(benchmark, prompts.prompts());
            report.fact(format!("{}, contamination", spec.name), found);
        }
    }
    let mut model = published.load_model()?;
    let mut judges = published.load_judges(&run.root().join("miniature"))?;
    let mut before: Vec<Evaluated> = Vec::new();
    for name in ["initial", "adapted"] {
        if name == "adapted" {
            let Some(adapter) = &options.adapter else { break };
            model.model_mut().load_lora(adapter)?;
        }
        for (index, (spec, benchmark)) in benchmarks.iter().enumerate() {
            bar.begin(format!("{name}: {}", spec.name));
            let mut scorer = judges.scorer(spec, &run);
            let show = &mut |progress| bar.show(&progress);
            let evaluated = evaluate(&run, benchmark, &mut model, &mut [&mut *scorer], show)?;
            report.add(name, &evaluated)?;
            if options.inspect {
                InspectLog::new(&evaluated, SystemTime::now()).tagged(name).save(&run.inspect())?;
            }
            add_facts(&mut report, (name, spec), &evaluated, before.get(index));
            if name == "initial" {
                before.push(evaluated);
            }
        }
    }
    if options.miniature {
        evaluate_miniature(options.items, &run, &mut report, &mut bar)?;
    }
    report.timings = bar.timings();
    report.save(&run)?;
    println!("{}\n{}", report.to_text(), ResultTable::of(&report, paper::layout()).to_markdown());
    if let Some(model) = &options.paper {
        println!("The paper:\n\n{}", paper::table(model).to_markdown());
    }
    println!("{}", run.report_html().display());
    Ok(())
}

/// pass@k of several samples, and the tests of a change.
fn add_facts(
    report: &mut Report,
    (name, spec): (&str, &Spec),
    evaluated: &Evaluated,
    before: Option<&Evaluated>,
) {
    let (benchmark, samples) = (&evaluated.benchmark, spec.settings.samples);
    let [measured] = evaluated.measured.as_slice() else { return };
    if samples > 1 {
        let passed = pass_at_k(benchmark, &measured.scores, samples.into());
        report.fact(format!("{}, {name}, pass@{samples}", spec.name), passed);
    }
    if let Some([first]) = before.map(|before| before.measured.as_slice()) {
        let tests = paired_tests(benchmark, &first.scores, &measured.scores, 10_000, Seed(41));
        if let Some(tests) = tests {
            report.fact(format!("{}, change", spec.name), tests);
        }
    }
}
