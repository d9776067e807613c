//! A comparison as tables: for terminals, for Markdown, for LaTeX.

use super::remarks::{leads, remarks};
use super::{AskedRun, Change, ComparedBenchmark, ComparedMetric, Comparison, MeasuredRun};
use crate::estimate::Estimate;
use crate::report::table::{
    REASONS, Table, aligned, change, interval, markdown, markdown_cell, percent,
};
use crate::report::{HeadlineRun, latex};
use crate::score::Unscored;
use crate::statistics::shown_p_value;

pub(super) fn to_text(comparison: &Comparison) -> String {
    let lines = leads(comparison).into_iter().chain(remarks(comparison));
    let line = |line: String| format!("{line}\n");
    let lines: String = lines.map(line).collect();
    let tables =
        tables(comparison).map(|(title, table)| format!("\n{title}\n\n{}", aligned(&table)));
    format!("{}\n{lines}{}", comparison.title, tables.concat())
}

pub(super) fn to_markdown(comparison: &Comparison) -> String {
    let item = |line: String| format!("- {}\n", markdown_cell(&line));
    let lines: String =
        leads(comparison).into_iter().chain(remarks(comparison)).map(item).collect();
    let tables = tables(comparison)
        .map(|(title, table)| format!("\n{}\n\n{}", markdown_cell(title), markdown(&table)));
    format!("## {}\n\n{lines}{}", markdown_cell(&comparison.title), tables.concat())
}

pub(super) fn to_latex(comparison: &Comparison) -> String {
    let comment = |line: &str| format!("% {}\n", latex::escape(line));
    let lines = leads(comparison).into_iter().chain(remarks(comparison));
    let lines: String = lines.map(|line| comment(&line)).collect();
    let tables = tables(comparison)
        .map(|(title, table)| format!("\n{}{}", comment(title), latex::tabular(&table)));
    format!("{}{lines}{}", comment(&comparison.title), tables.concat())
}

fn tables(comparison: &Comparison) -> [(&'static str, Table); 3] {
    [
        (AVERAGES, averages(comparison)),
        (CHANGES, changes(comparison)),
        (COVERAGE, coverage(comparison)),
    ]
}

/// The result in a few rows.
fn averages(comparison: &Comparison) -> Table {
    let rows = comparison.headlines().into_iter().flat_map(|headline| {
        let row = move |run: HeadlineRun| {
            let average = headline.name.to_lowercase();
            let changed = run.change.map_or_else(missing, change);
            vec![average, run.run, headline.benchmarks.to_string(), interval(run.rate), changed]
        };
        headline.runs.into_iter().map(row)
    });
    let header = ["average", "run", "benchmarks", "rate, %", "change, points"];
    table(header.into_iter(), rows.collect(), 2)
}

/// Rates and changes, a row a run.
pub(super) fn changes(comparison: &Comparison) -> Table {
    let row = |(benchmark, metric, run): Row<'_>| {
        let words = [&benchmark.benchmark, &metric.metric.name, &run.run].map(Clone::clone);
        words.into_iter().chain(numbers(&run.estimate, run.change.as_ref())).collect()
    };
    let header = ["benchmark", "metric", "run"].into_iter().chain(NUMBERS);
    table(header, rows(comparison).map(row).collect(), 3)
}

/// The same for each category.
pub(super) fn categories(comparison: &Comparison) -> Table {
    let rows = rows(comparison).flat_map(|(benchmark, metric, run)| {
        run.categories.iter().map(move |(name, category)| {
            let words = [&benchmark.benchmark, &metric.metric.name, name, &run.run];
            let numbers = numbers(&category.estimate, category.change.as_ref());
            words.into_iter().cloned().chain(numbers).collect()
        })
    });
    let header = ["benchmark", "metric", "category", "run"].into_iter().chain(NUMBERS);
    table(header, rows.collect(), 4)
}

/// What the rates are over, and what has no score, a column a reason.
pub(super) fn coverage(comparison: &Comparison) -> Table {
    let row =
        |(benchmark, metric, run): Row<'_>| {
            let Estimate { scored, unscored, .. } = &run.estimate;
            let asked = benchmark.asked.iter().find(|asked| asked.run == run.run);
            let words = [&benchmark.benchmark, &metric.metric.name, &run.run].map(Clone::clone);
            let mut row = words.to_vec();
            row.push((benchmark.items * u64::from(benchmark.samples)).to_string());
            row.push(scored.to_string());
            row.push(run.change.map_or_else(missing, |change| change.difference.pairs.to_string()));
            row.extend(REASONS.map(|reason| unscored.get(&reason).unwrap_or(&0).to_string()));
            row.push(run.estimate.bounds().map_or_else(missing, |(low, high)| {
                format!("{} to {}", percent(low), percent(high))
            }));
            row.push(
                asked.map_or_else(missing, |a| (a.left_out.items + a.left_out.changed).to_string()),
            );
            row.push(asked.and_then(tokens).unwrap_or_else(missing));
            row
        };
    let header = ["benchmark", "metric", "run", "shared responses", "scored", "in both"]
        .into_iter()
        .chain(REASONS.map(Unscored::as_str))
        .chain(["rate could be", "items left out", "mean tokens"]);
    table(header, rows(comparison).map(row).collect(), 3)
}

type Row<'a> = (&'a ComparedBenchmark, &'a ComparedMetric, &'a MeasuredRun);

/// Every run of every metric of every benchmark.
fn rows(comparison: &Comparison) -> impl Iterator<Item = Row<'_>> {
    let metrics = comparison.benchmarks.iter().flat_map(|b| b.metrics.iter().map(move |m| (b, m)));
    metrics
        .flat_map(|(benchmark, metric)| metric.runs.iter().map(move |run| (benchmark, metric, run)))
}

fn numbers(estimate: &Estimate, changed: Option<&Change>) -> [String; 4] {
    let star = if estimate.unscored_total() > 0 { "*" } else { "" };
    let p_value =
        |p: fn(&Change) -> Option<f64>| changed.and_then(p).map_or_else(missing, shown_p_value);
    [
        estimate.rate.map_or_else(|| "none scored".to_owned(), interval) + star,
        changed.map_or_else(missing, |changed| change(changed.difference.difference)),
        p_value(|change| change.p_value),
        p_value(|change| change.adjusted_p_value),
    ]
}

fn tokens(asked: &AskedRun) -> Option<String> {
    asked.tokens.map(|tokens| format!("{:.0}", tokens.mean.value))
}

fn table<'a>(header: impl Iterator<Item = &'a str>, rows: Vec<Vec<String>>, words: usize) -> Table {
    Table { header: header.map(str::to_owned).collect(), rows, words }
}

fn missing() -> String {
    "-".to_owned()
}

const NUMBERS: [&str; 4] = ["rate, %", "change, points", "p", "adjusted p"];
const AVERAGES: &str =
    "Averages over benchmarks, in percent of responses, with 95 % confidence intervals.";
pub(super) const CHANGES: &str = "Percent of responses with 95 % confidence intervals; change from the first run over the \
                                  responses that both have a score for, with Newcombe's paired interval; p of no change \
                                  by McNemar's exact test, or sign flips where that does not apply, and adjusted for the \
                                  number of tests by Holm's method. * Some responses have no score.";
pub(super) const COVERAGE: &str = "What the rates are over: responses that all runs have; of these, scored in the run, and \
                                   scored in the first run too; those without a score by reason; what the rate would be \
                                   had all of those fallen on one side.";
