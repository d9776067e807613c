//! Measures guards against people: agreement, ROC, calibration, thresholds.
//!
//! ```text
//! cargo run -p thinksafe-examples --example 09_measure_guard
//! cargo run -p thinksafe-examples --example 09_measure_guard -- --xstest xstest/model_completions
//! ```
//!
//! Expected: a table for each labelled set, and a page to look at. The miniature's own exchanges have the truth by
//! construction; XSTest's completions (Röttger et al., 2024, CC-BY-4.0) have people's labels. Measuring again asks no
//! guard anything.

#![expect(clippy::print_stdout, reason = "a program speaks to people")]

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use thinksafe_core::judge::Judge;
use thinksafe_core::run::RunDir;
use thinksafe_core::seed::Seed;
use thinksafe_eval::guards::{GuardReport, LabeledSet, Question, ask, read_xstest};
use thinksafe_examples::{Bar, Inputs, miniature_exchanges, xstest_files};
use thinksafe_filter::RefusalJudge;

/// Measures guards.
#[derive(Debug, Parser)]
struct Options {
    #[command(flatten)]
    inputs: Inputs,
    /// The folder of XSTest's labelled completions (`xstest_v2_completions_*.csv`).
    #[arg(long, value_name = "DIR")]
    xstest: Option<PathBuf>,
    /// How many exchanges of the miniature.
    #[arg(long, default_value_t = 2000)]
    exchanges: u64,
    /// Where the page goes.
    #[arg(long, default_value = "runs/guards")]
    out: PathBuf,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let run = RunDir::new(&options.out);
    let inputs = options.inputs.load(&run.root().join("miniature"))?;
    let (mut guard, mut keywords) = (inputs.load_guard()?, RefusalJudge::default());

    let mut sets = Vec::new();
    for question in [Question::Unsafe, Question::Refusal] {
        sets.push(miniature_exchanges(question, options.exchanges, Seed(9))?);
        if let Some(folder) = &options.xstest {
            sets.push(read_xstest(&xstest_files(folder)?, question)?);
        }
    }
    let mut report = GuardReport::new("What the guards are worth");
    let mut bar = Bar::default();
    for set in &sets {
        let judge: &mut dyn Judge = match set.question() {
            Question::Unsafe => &mut *guard,
            Question::Refusal => &mut keywords,
        };
        bar.begin(set.name());
        measure(&run, set, judge, &mut report, &mut bar)?;
    }
    report.fact(
        "miniature: unsafe",
        "whole turns; the guard was trained on exchanges of this kind, not on these",
    );
    report.fact("miniature: refusal", "answers alone, of turns that have one");
    if options.xstest.is_some() {
        let labels =
            "completions of five models; people labelled refusals, a partial one is neither";
        report.fact("XSTest: refusal", labels);
        let derived = "derived: full compliance with a contrast prompt is unsafe, with a safe prompt it is not";
        report.fact("XSTest: unsafe", derived);
    }
    report.save(&run)?;
    println!("{}{}", report.to_text(), run.guards_html().display());
    Ok(())
}

/// Asks the judge what its log does not hold, and adds its answers.
fn measure(
    run: &RunDir,
    set: &LabeledSet,
    judge: &mut dyn Judge,
    report: &mut GuardReport,
    bar: &mut Bar,
) -> Result<()> {
    let log = run.evaluation(&format!("guards-{}", judge.identity().name));
    let asked = ask(set, judge, &log, &mut |progress| bar.show(&progress))?;
    Ok(report.add(set, &[asked])?)
}
