//! Evaluates a model before and after: harmful rate, over-refusal, answer accuracy, with 95 % intervals. Run
//! `04_fine_tune` first.
//!
//! ```text
//! cargo run -p thinksafe-examples --example 05_evaluate
//! ```
//!
//! Expected: a table of both runs, and a page to look at. Scoring again asks the model nothing. With `--inspect`, logs
//! for `inspect view --log-dir runs/steps/inspect` too.

#![expect(clippy::print_stdout, reason = "a program speaks to people")]

use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::{Result, ensure};
use clap::Parser;
use thinksafe_core::run::RunDir;
use thinksafe_core::seed::Seed;
use thinksafe_eval::inspect::InspectLog;
use thinksafe_eval::report::Report;
use thinksafe_examples::{Bar, Inputs};

/// Evaluates before and after.
#[derive(Debug, Parser)]
struct Options {
    #[command(flatten)]
    inputs: Inputs,
    /// The run directory of `04_fine_tune`.
    #[arg(long, default_value = "runs/steps")]
    out: PathBuf,
    /// At most this many items of each set.
    #[arg(long, default_value_t = 100)]
    limit: usize,
    /// Write logs for inspect_ai too, into the run's `inspect/`.
    #[arg(long)]
    inspect: bool,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let run = RunDir::new(&options.out);
    let inputs = options.inputs.load(&run.root().join("miniature"))?;
    let sets = inputs.evaluation_sets(Seed(42), options.limit)?;
    ensure!(!sets.is_empty(), "say where held-out sets are: --evaluation DIR");
    let (mut model, mut guard) = (inputs.load_model()?, inputs.load_guard()?);

    let mut report = Report::new("Before and after");
    let mut bar = Bar::default();
    for name in ["before", "after"] {
        if name == "after" {
            model.model_mut().load_lora(&run.adapter())?;
        }
        for set in &sets {
            bar.begin(format!("{name}: {}", set.name()));
            let evaluated = set.evaluate(&run, &mut model, &mut *guard, &mut bar)?;
            report.add(name, &evaluated)?;
            if options.inspect {
                InspectLog::new(&evaluated, SystemTime::now()).tagged(name).save(&run.inspect())?;
            }
        }
    }
    report.timings = bar.timings();
    report.save(&run)?;
    println!("{}\n{}", report.to_text(), run.report_html().display());
    Ok(())
}
