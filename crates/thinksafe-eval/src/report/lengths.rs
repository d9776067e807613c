//! How long responses are.

use thinksafe_plot::{self as plot, Figure, Series};

use super::sections::html_table;
use super::table::Table;
use super::{BenchmarkResult, Report};
use crate::statistics::Summary;

/// The distributions over all benchmarks, as figures.
pub(super) fn figures(report: &Report) -> Vec<Figure> {
    let tokens = distribution(report, "tokens generated", |r| &r.generated_tokens).map(|svg| {
        let caption = "All benchmarks; responses that were cut off have their tokens counted.";
        Figure { title: "Response length".to_owned(), caption: caption.to_owned(), svg }
    });
    let thinking =
        distribution(report, "characters of thinking", |r| &r.thinking_chars).map(|svg| {
            let caption = "All benchmarks; responses that were cut off are left out.";
            Figure { title: "Thinking length".to_owned(), caption: caption.to_owned(), svg }
        });
    tokens.into_iter().chain(thinking).collect()
}

/// A histogram of what each response of a run counts; `None` without responses.
fn distribution(
    report: &Report,
    unit: &str,
    of: impl Fn(&BenchmarkResult) -> &Vec<u64>,
) -> Option<String> {
    let values = |run: &String| -> Vec<f64> {
        let results = report.results.iter().filter(|r| r.run == *run);
        results.flat_map(&of).map(|n| *n as f64).collect()
    };
    let series = report.runs.iter().map(|run| Series { name: run.clone(), values: values(run) });
    let series: Vec<Series> = series.collect();
    let any = series.iter().any(|s| !s.values.is_empty());
    any.then(|| plot::histogram(&series, unit, "share of responses, %"))
}

/// The table of lengths by benchmark.
pub(super) fn section(report: &Report) -> String {
    let rows: Vec<Vec<String>> = report.results.iter().filter_map(row).collect();
    if rows.is_empty() {
        return String::new();
    }
    let header = ["benchmark", "run", "responses", "tokens, mean", "median", "90 %", "longest"];
    let header = header.map(str::to_owned).to_vec();
    let table = html_table(&Table { header, rows, words: 2 });
    format!(
        "<section id=\"lengths\"><h2>Lengths</h2><details><summary>Tokens generated, by benchmark</summary>\
         <div class=\"request\">{table}</div></details></section>\n"
    )
}

fn row(result: &BenchmarkResult) -> Option<Vec<String>> {
    let Summary { n, mean, median, p90, max } = result.tokens()?;
    let mean = format!("{:.0} [{:.0}, {:.0}]", mean.value, mean.low, mean.high);
    let words = [result.benchmark.clone(), result.run.clone(), n.to_string(), mean];
    let quantiles = [median, p90, max].map(|tokens| format!("{tokens:.0}"));
    Some(words.into_iter().chain(quantiles).collect())
}
