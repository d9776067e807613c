//! Compares runs on the items that all of them were asked: paired differences with intervals and tests, by benchmark and
//! by category.
//!
//! ```text
//! cargo run -p thinksafe-examples --example 12_compare_runs
//! cargo run -p thinksafe-examples --example 12_compare_runs -- base=runs/a:before tuned=runs/a tuned-more=runs/b
//! ```
//!
//! A run is `[NAME=]FOLDER[:RUN]`, of a folder that `05_evaluate`, `06_pipeline` or `10_benchmarks` left; without `:RUN` it is
//! the report's last. The first is the one that the others are compared with. One folder alone stands for all its runs.
//! Nothing is asked and nothing judged again.
//!
//! Without any, the miniature is asked a few items as it is, and with ThinkSafe's steering around every request.
//!
//! Expected: sentences with the result, two tables, and a page to look at. `--print latex` is for a paper.

#![expect(clippy::print_stdout, reason = "a program speaks to people")]

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, ValueEnum};
use thinksafe_core::run::RunDir;
use thinksafe_core::seed::Seed;
use thinksafe_eval::compare::{Run, compare};
use thinksafe_eval::report::Report;
use thinksafe_examples::{Bar, Choice, Inputs};
use thinksafe_steering::Preset;

/// Compares runs.
#[derive(Debug, Parser)]
struct Options {
    /// The runs, each `[NAME=]FOLDER[:RUN]`.
    runs: Vec<Choice>,
    /// Where the comparison goes.
    #[arg(long, default_value = "runs/comparison")]
    out: PathBuf,
    /// Its title.
    #[arg(long, default_value = "Comparison")]
    title: String,
    /// How the tables are printed.
    #[arg(long, value_enum, default_value = "text")]
    print: Print,
    /// How often tests draw.
    #[arg(long, default_value_t = 10_000)]
    draws: u32,
    /// What they draw from.
    #[arg(long, default_value_t = 41)]
    seed: u64,
    /// Without runs: at most this many items of each set.
    #[arg(long, default_value_t = 20)]
    limit: usize,
    #[command(flatten)]
    inputs: Inputs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Print {
    Text,
    Markdown,
    Latex,
}

fn main() -> Result<()> {
    let mut options = Options::parse();
    let out = RunDir::new(&options.out);
    if options.runs.is_empty() {
        steer(&options, &out)?;
        options.runs.push(Choice::folder(out.root()));
    }
    let reports: Vec<Report> = options.runs.iter().map(Choice::report).collect::<Result<_>>()?;
    let runs: Vec<Run<'_>> = match (options.runs.as_slice(), reports.as_slice()) {
        ([folder], [report]) => folder.runs(report)?,
        (choices, reports) => choices
            .iter()
            .zip(reports)
            .map(|(choice, report)| choice.run(report))
            .collect::<Result<_>>()?,
    };
    let comparison = compare(&options.title, &runs, options.draws, Seed(options.seed))?;
    comparison.save(&out)?;
    let tables = match options.print {
        Print::Text => comparison.to_text(),
        Print::Markdown => comparison.to_markdown(),
        Print::Latex => comparison.to_latex(),
    };
    println!("{tables}\n{}", out.comparison_html().display());
    Ok(())
}

/// Evaluates the model as it is and steered, and writes the report.
fn steer(options: &Options, out: &RunDir) -> Result<()> {
    let inputs = options.inputs.load(&out.root().join("miniature"))?;
    let sets = inputs.evaluation_sets(Seed(42), options.limit)?;
    let (mut model, mut guard) = (inputs.load_model()?, inputs.load_guard()?);
    let (mut report, mut bar) = (Report::new("Steering"), Bar::default());
    for preset in [None, Some(Preset::ThinkSafe)] {
        let name = preset.map_or("plain", Preset::name);
        for set in &sets {
            bar.begin(format!("{name}: {}", set.name()));
            let asked = preset.map_or_else(|| set.clone(), |p| set.steered(&p.template()));
            report.add(name, &asked.evaluate(out, &mut model, &mut *guard, &mut bar)?)?;
        }
    }
    report.timings = bar.timings();
    Ok(report.save(out)?)
}
