//! Tables as text: for terminals, for Markdown, and as cells for the page.

use super::{MetricResult, Report, latex, sentence};
use crate::score::Unscored;
use crate::statistics::Interval;

/// A table whose cells are plain text.
pub(crate) struct Table {
    pub(crate) header: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
    /// How many columns at the left hold words; the others hold numbers.
    pub(crate) words: usize,
}

pub(super) fn to_text(report: &Report) -> String {
    let results = aligned(&results(report));
    let (title, lead) = (&report.title, lead(report, str::to_owned));
    format!("{title}\n{lead}{UNITS}\n\n{results}\n{}", remarks(report, "*", aligned))
}

pub(super) fn to_markdown(report: &Report) -> String {
    let title = markdown_cell(&report.title);
    let results = markdown(&results(report));
    let lead = lead(report, |text| format!("{}\n", markdown_cell(text)));
    format!("## {title}\n\n{lead}{UNITS}\n\n{results}\n{}", remarks(report, r"\*", markdown))
}

pub(super) fn to_latex(report: &Report) -> String {
    let tables = std::iter::once(results(report)).chain(unscored(report));
    tables.map(|table| latex::tabular(&table)).collect::<Vec<_>>().join("\n")
}

/// The result in a sentence, on a line of its own; nothing if there is none.
fn lead(report: &Report, layout: impl Fn(&str) -> String) -> String {
    match sentence::lead(&report.headlines()).as_str() {
        "" => String::new(),
        sentence => format!("{}\n", layout(sentence)),
    }
}

fn remarks(report: &Report, star: &str, layout: fn(&Table) -> String) -> String {
    match unscored(report) {
        Some(table) => format!("{star} {NOT_SCORED}\n\n{}", layout(&table)),
        None => format!("{ALL_SCORED}\n"),
    }
}

/// Benchmarks and metrics down, runs across, the change from first to last at the end.
pub(super) fn results(report: &Report) -> Table {
    let mut header = vec!["benchmark".to_owned(), "metric".to_owned(), "items".to_owned()];
    header.extend(report.runs.iter().cloned());
    let compared = report.runs.len() > 1;
    if compared {
        header.push("change".to_owned());
    }
    let row = |(benchmark, metric): (&str, _)| {
        let cells: Vec<_> =
            report.runs.iter().map(|run| report.metric(run, benchmark, metric)).collect();
        let items = report.asked(benchmark).to_string();
        let mut row = vec![benchmark.to_owned(), metric.name.clone(), items];
        row.extend(cells.iter().map(|cell| cell.map_or_else(|| "-".to_owned(), rate_cell)));
        if compared {
            let difference = cells.last().copied().flatten().and_then(|m| m.difference);
            row.push(difference.map_or_else(|| "-".to_owned(), |d| change(d.difference)));
        }
        row
    };
    Table { header, rows: report.rows().into_iter().map(row).collect(), words: 2 }
}

/// Responses without a score, a column a reason; `None` if every response has one.
pub(super) fn unscored(report: &Report) -> Option<Table> {
    let mut header: Vec<String> =
        ["run", "benchmark", "metric", "scored"].map(str::to_owned).to_vec();
    header.extend(REASONS.iter().map(ToString::to_string));
    header.push("rate could be".to_owned());
    let mut rows = Vec::new();
    for result in &report.results {
        for metric in result.metrics.iter().filter(|m| m.estimate.unscored_total() > 0) {
            let estimate = &metric.estimate;
            let mut row = vec![
                result.run.clone(),
                result.benchmark.clone(),
                metric.metric.name.clone(),
                estimate.scored.to_string(),
            ];
            let count = |reason| estimate.unscored.get(reason).copied().unwrap_or(0).to_string();
            row.extend(REASONS.iter().map(count));
            let bounds = estimate.bounds();
            row.push(bounds.map_or_else(
                || "-".to_owned(),
                |(low, high)| format!("{} to {}", percent(low), percent(high)),
            ));
            rows.push(row);
        }
    }
    (!rows.is_empty()).then_some(Table { header, rows, words: 3 })
}

/// A rate in percent with its interval; a star if responses are missing from it.
fn rate_cell(metric: &MetricResult) -> String {
    let star = if metric.estimate.unscored_total() > 0 { "*" } else { "" };
    match metric.estimate.rate {
        Some(rate) => format!("{}{star}", interval(rate)),
        None => format!("none scored{star}"),
    }
}

/// `-96.1 [-97.0, -95.0]`, in percentage points.
pub(crate) fn change(difference: Interval) -> String {
    let Interval { value, low, high } = difference;
    format!("{} [{}, {}]", signed(value), signed(low), signed(high))
}

/// `98.0 [95.0, 99.2]`, in percent.
pub(crate) fn interval(rate: Interval) -> String {
    format!("{} [{}, {}]", percent(rate.value), percent(rate.low), percent(rate.high))
}

/// A share in percent with one decimal; never rounded to 0.0 or 100.0 unless it is that.
pub(crate) fn percent(share: f64) -> String {
    let rounded = format!("{:.1}", share * 100.0);
    match rounded.as_str() {
        "0.0" | "-0.0" if share.abs() < 1e-12 => "0.0".to_owned(),
        "0.0" => "<0.1".to_owned(),
        "100.0" if share < 1.0 - 1e-12 => ">99.9".to_owned(),
        _ => rounded,
    }
}

/// A difference in percentage points with its sign.
pub(crate) fn signed(share: f64) -> String {
    let rounded = format!("{:+.1}", share * 100.0);
    if rounded == "-0.0" || rounded == "+0.0" { "0.0".to_owned() } else { rounded }
}

pub(crate) fn aligned(table: &Table) -> String {
    let all = || std::iter::once(&table.header).chain(&table.rows);
    let width = |column: usize| {
        all().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..table.header.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
            if column < table.words { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    let rule = "-".repeat(widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1));
    let body: String = table.rows.iter().map(line).collect();
    format!("{}{rule}\n{body}", line(&table.header))
}

pub(crate) fn markdown(table: &Table) -> String {
    let line = |row: &Vec<String>| {
        let cells: Vec<String> = row.iter().map(|cell| markdown_cell(cell)).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let rule = (0..table.header.len()).map(|c| if c < table.words { "---" } else { "---:" });
    let rule = format!("| {} |\n", rule.collect::<Vec<_>>().join(" | "));
    let body: String = table.rows.iter().map(line).collect();
    format!("{}{rule}{body}", line(&table.header))
}

/// Text that stays one cell and plain, whatever it spells.
pub(crate) fn markdown_cell(text: &str) -> String {
    let mut cell = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => cell.push_str("&amp;"),
            '<' => cell.push_str("&lt;"),
            '>' => cell.push_str("&gt;"),
            '|' | '\\' | '*' | '_' | '`' | '[' | ']' | '~' | '$' => cell.extend(['\\', c]),
            c if c.is_whitespace() || c.is_control() => cell.push(' '),
            _ => cell.push(c),
        }
    }
    cell
}

pub(crate) const REASONS: [Unscored; 4] =
    [Unscored::Truncated, Unscored::Unsplit, Unscored::Undetermined, Unscored::RequestFailed];
pub(super) const UNITS: &str = "Percent of responses with 95 % confidence intervals.";
pub(super) const NOT_SCORED: &str =
    "Not every response has a score. These count neither for nor against:";
pub(super) const ALL_SCORED: &str = "Every response has a score.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_do_not_round_to_certainty() {
        let cases =
            [(0.0, "0.0"), (1.0, "100.0"), (0.9999, ">99.9"), (0.0004, "<0.1"), (0.5, "50.0")];
        for (share, text) in cases {
            assert_eq!(percent(share), text);
        }
        assert_eq!(signed(-0.0001), "0.0");
        assert_eq!(signed(-0.968), "-96.8");
        assert_eq!(signed(0.01), "+1.0");
    }

    #[test]
    fn columns_line_up() {
        let strings = |row: [&str; 3]| row.map(str::to_owned).to_vec();
        let table = Table {
            header: strings(["name", "n", "rate"]),
            rows: vec![strings(["a", "10", "1.5"]), strings(["longer", "5", "100.0"])],
            words: 1,
        };
        let expected =
            "name     n   rate\n-----------------\na       10    1.5\nlonger   5  100.0\n";
        assert_eq!(aligned(&table), expected);
    }

    #[test]
    fn markdown_cells_stay_cells() {
        assert_eq!(markdown_cell("a|b\n<i>*~$"), r"a\|b &lt;i&gt;\*\~\$");
    }
}
