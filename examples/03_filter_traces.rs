//! Filters traces with a guard, and writes the dataset with its card. Run `02_generate_traces` first.
//!
//! ```text
//! cargo run -p thinksafe-examples --example 03_filter_traces
//! ```
//!
//! Expected: how many traces were kept and dropped, by label and reason.

#![expect(clippy::print_stdout, reason = "a program speaks to people")]

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use thinksafe_core::fs;
use thinksafe_core::log::RecordLog;
use thinksafe_core::run::RunDir;
use thinksafe_examples::{Bar, Inputs};
use thinksafe_filter::{Policy, Verdicts, View, dataset_card, judge_traces, select_from_logs};

/// Filters traces.
#[derive(Debug, Parser)]
struct Options {
    #[command(flatten)]
    inputs: Inputs,
    /// The run directory of `02_generate_traces`.
    #[arg(long, default_value = "runs/steps")]
    out: PathBuf,
    /// A policy as JSON, e.g. {"rule":{"threshold":0.1},"by_label":{"vanilla_benign":{"threshold":0.5}}}; the paper's
    /// without it. Trying another one asks the guard nothing.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let run = RunDir::new(&options.out);
    let inputs = options.inputs.load(&run.root().join("miniature"))?;
    let policy: Policy = match &options.policy {
        Some(path) => fs::read_json(path, "policy")?,
        None => Policy::default(),
    };
    let mut guard = inputs.load_guard()?;

    let mut log = RecordLog::open(run.verdicts())?;
    let mut bar = Bar::default();
    bar.begin("judge traces");
    let show = &mut |progress| bar.show(&progress);
    judge_traces(&mut *guard, &run.traces(), View::Turn, &mut log, show)?;

    let verdicts = Verdicts::read(&run.verdicts(), guard.identity(), View::Turn)?;
    let selection = select_from_logs(&run.traces(), &[verdicts], &policy)?;
    for (label, counts) in &selection.counts {
        println!("{label}: kept {} of {}", counts.kept, counts.input);
        for (reason, count) in &counts.dropped {
            println!("    {}: {count}", reason.as_str());
        }
    }
    fs::write_atomic(run.dataset_card(), dataset_card(&selection, &inputs.card()))?;
    selection.into_dataset().write(run.dataset())?;
    println!("{}", run.dataset().display());
    Ok(())
}
