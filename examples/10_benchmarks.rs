//! Evaluates a model on the published benchmarks, as the paper asks them, and sets the result beside the paper's.
//!
//! ```text
//! cargo run --release -p thinksafe-examples --example 10_benchmarks -- --benchmarks bench/ --model Qwen3-0.6B \
//!     --guard Llama-Guard-3-8B --wildguard wildguard --device cuda:0 --precision bf16 --out runs/initial \
//!     --paper Qwen3-0.6B
//! ```
//!
//! `bench/` holds the files as their owners publish them; `docs/REPRODUCTION.md` says where they are. Those that are not
//! there are named and left out. `--only gsm8k,aime24` takes a few, `--set mine.toml` one of your own.
//!
//! Without a GPU, and without weights: `--tokenizer DIR` in place of `--model` runs a small model of Qwen3's layout with
//! random weights, the miniature's guard and rules for refusals. What it measures means nothing; that it loads, asks,
//! resumes and scores is what there is to see: `--items 50 --samples 1 --max-new-tokens 16`.
//!
//! Killed and started again, it goes on where it was. Started when all is done, it scores again and asks nothing.

#![expect(clippy::print_stdout, reason = "a program speaks to people")]

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use thinksafe_core::run::RunDir;
use thinksafe_eval::contamination::contamination;
use thinksafe_eval::evaluate::evaluate;
use thinksafe_eval::paper;
use thinksafe_eval::report::{Report, ResultTable};
use thinksafe_examples::{Bar, Published};
use thinksafe_trace::{Columns, PromptSet};

/// Evaluates a model on the published benchmarks.
#[derive(Debug, Parser)]
struct Options {
    #[command(flatten)]
    published: Published,
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
}

fn main() -> Result<()> {
    let options = Options::parse();
    let (published, run) = (&options.published, RunDir::new(&options.out));
    let read = |path| PromptSet::read(path, &Columns::default());
    let training = options.prompts.as_ref().map(read).transpose()?;
    let mut model = published.load_model()?;
    let mut judges = published.load_judges(&run.root().join("miniature"))?;
    let (mut report, mut bar) = (Report::new("Benchmarks"), Bar::default());
    for spec in published.specs()? {
        if !published.benchmarks.join(&spec.file).exists() {
            println!("{}: no {}, which is {}", spec.name, spec.file.display(), spec.source);
            continue;
        }
        let loaded = spec.load(&published.benchmarks)?;
        report.fact(&spec.name, &loaded.provenance);
        if let Some(training) = &training {
            let found = contamination(&loaded.benchmark, training.prompts());
            report.fact(format!("{}, contamination", spec.name), found);
        }
        bar.begin(&spec.name);
        let benchmark = loaded.benchmark.first(options.items);
        let mut scorer = judges.scorer(&spec, &run);
        let show = &mut |progress| bar.show(&progress);
        report.add("model", &evaluate(&run, &benchmark, &mut model, &mut [&mut *scorer], show)?)?;
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
