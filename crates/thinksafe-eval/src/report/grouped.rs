//! Results as papers print them: runs down, benchmarks across in groups, each group with its average.

use super::table::markdown_cell;
use super::{Report, latex};
use crate::score::Aspect;
use crate::statistics::{Interval, mean_of_intervals};

/// Columns that are averaged.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "callers lay out their tables")]
pub struct Group {
    /// What the average is called.
    pub name: String,
    /// The benchmarks, and which aspect of each.
    pub columns: Vec<(String, Aspect)>,
}

/// Runs down, benchmarks across.
#[derive(Debug, Clone, PartialEq)]
pub struct ResultTable {
    groups: Vec<Group>,
    rows: Vec<ResultRow>,
}

/// One run's results.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ResultRow {
    /// The run.
    pub name: String,
    /// Its rates, in the order of the columns of all groups; absent where it has none.
    pub cells: Vec<Option<Interval>>,
}

impl ResultTable {
    /// A table without rows.
    pub fn new(groups: Vec<Group>) -> Self {
        Self { groups, rows: Vec::new() }
    }

    /// The table of a report's runs.
    pub fn of(report: &Report, groups: Vec<Group>) -> Self {
        let mut table = Self::new(groups);
        for run in report.runs() {
            table.push(run, |benchmark, aspect| rate(report, run, benchmark, aspect));
        }
        table
    }

    /// Adds a row; `rate` is asked for each column, by benchmark and aspect.
    pub fn push(
        &mut self,
        name: impl Into<String>,
        rate: impl Fn(&str, Aspect) -> Option<Interval>,
    ) {
        let columns = self.groups.iter().flat_map(|group| &group.columns);
        let cells = columns.map(|(benchmark, aspect)| rate(benchmark, *aspect)).collect();
        self.rows.push(ResultRow { name: name.into(), cells });
    }

    /// The rows, in the order added.
    pub fn rows(&self) -> &[ResultRow] {
        &self.rows
    }

    /// A row's plain average over each group; absent where a cell is.
    pub fn averages(&self, row: &ResultRow) -> Vec<Option<Interval>> {
        self.split(row)
            .map(|(_, cells)| {
                mean_of_intervals(&cells.iter().copied().collect::<Option<Vec<_>>>()?)
            })
            .collect()
    }

    /// As a Markdown table in percent with two decimals, the best of each column bold.
    pub fn to_markdown(&self) -> String {
        let bold = |cell: String, best: bool| if best { format!("**{cell}**") } else { cell };
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let (header, rows) = self.lines(markdown_cell, bold);
        let rule = (0..header.len()).map(|column| if column == 0 { "---" } else { "---:" });
        let rule = line(rule.map(str::to_owned).collect());
        let body: String = rows.into_iter().map(line).collect();
        format!("{}{rule}{body}", line(header))
    }

    /// As a LaTeX `tabular` (package `booktabs`) in percent with two decimals, the best of each column bold.
    pub fn to_latex(&self) -> String {
        let bold =
            |cell: String, best: bool| if best { format!(r"\textbf{{{cell}}}") } else { cell };
        let (header, rows) = self.lines(latex::escape, bold);
        let columns = format!("l{}", "r".repeat(header.len() - 1));
        latex::layout(&columns, header, rows)
    }

    /// The header and the rows, words by `escape`; `emphasize` is told which cell is the best of its column.
    fn lines(
        &self,
        escape: impl Fn(&str) -> String,
        emphasize: impl Fn(String, bool) -> String,
    ) -> (Vec<String>, Vec<Vec<String>>) {
        let mut header = vec![String::new()];
        for group in &self.groups {
            header.extend(group.columns.iter().map(|(benchmark, _)| escape(benchmark)));
            header.push(escape(&group.name));
        }
        let shown: Vec<Vec<Option<f64>>> = self.rows.iter().map(|row| self.shown(row)).collect();
        let best = self.best(&shown);
        let line = |(row, cells): (&ResultRow, &Vec<Option<f64>>)| {
            let cell = |(column, cell): (usize, &Option<f64>)| match cell {
                None => "-".to_owned(),
                Some(value) => emphasize(format!("{value:.2}"), Some(*value) == best[column]),
            };
            let cells = cells.iter().enumerate().map(cell);
            std::iter::once(escape(&row.name)).chain(cells).collect()
        };
        let rows = self.rows.iter().zip(&shown).map(line).collect();
        (header, rows)
    }

    /// A row's cells and averages in percent, rounded as they are shown.
    fn shown(&self, row: &ResultRow) -> Vec<Option<f64>> {
        let averages = self.averages(row);
        let groups = self.split(row).zip(averages);
        let cells = groups.flat_map(|((_, cells), average)| cells.iter().copied().chain([average]));
        cells.map(|cell| cell.map(|rate| (rate.value * 1e4).round() / 100.0)).collect()
    }

    /// The best value of each column, where more than one run has one.
    fn best(&self, shown: &[Vec<Option<f64>>]) -> Vec<Option<f64>> {
        let signs = self.groups.iter().flat_map(|group| {
            let sign = |aspect: Aspect| if aspect.lower_is_better() { -1.0 } else { 1.0 };
            let average = group.columns.first().map_or(1.0, |(_, aspect)| sign(*aspect));
            group.columns.iter().map(move |(_, aspect)| sign(*aspect)).chain([average])
        });
        let best = |(column, sign): (usize, f64)| {
            let values: Vec<f64> = shown.iter().filter_map(|row| row[column]).collect();
            let best = values.iter().copied().max_by(|a, b| (a * sign).total_cmp(&(b * sign)));
            best.filter(|_| values.len() > 1)
        };
        signs.enumerate().map(best).collect()
    }

    /// Each group with its cells of a row.
    fn split<'a>(
        &'a self,
        row: &'a ResultRow,
    ) -> impl Iterator<Item = (&'a Group, &'a [Option<Interval>])> {
        let mut rest = row.cells.as_slice();
        self.groups.iter().map(move |group| {
            let (cells, after) = rest.split_at(group.columns.len());
            rest = after;
            (group, cells)
        })
    }
}

fn rate(report: &Report, run: &str, benchmark: &str, aspect: Aspect) -> Option<Interval> {
    let metrics = &report.result(run, benchmark)?.metrics;
    metrics.iter().find(|m| m.metric.aspect == aspect)?.estimate.rate
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> ResultTable {
        let group = |name: &str, columns: &[(&str, Aspect)]| Group {
            name: name.to_owned(),
            columns: columns.iter().map(|(b, a)| ((*b).to_owned(), *a)).collect(),
        };
        let mut table = ResultTable::new(vec![
            group("Safety", &[("a_b", Aspect::Harm), ("b", Aspect::OverRefusal)]),
            group("Reasoning", &[("c", Aspect::Reasoning)]),
        ]);
        let mut row = |name, cells: [Option<f64>; 3]| {
            table.push(name, |benchmark, _| {
                let value = cells[["a_b", "b", "c"].iter().position(|b| *b == benchmark)?]?;
                Some(Interval { value, low: value, high: value })
            });
        };
        row("before", [Some(0.5), Some(0.1), Some(0.75)]);
        row("after|", [Some(0.125), Some(0.2), Some(0.7)]);
        row("half", [Some(0.5), None, None]);
        table
    }

    #[test]
    fn averages_are_plain_and_need_every_cell() {
        let table = table();
        let values = |row: usize| -> Vec<Option<f64>> {
            let averages = table.averages(&table.rows()[row]);
            averages.into_iter().map(|a| a.map(|i| (i.value * 1e6).round())).collect()
        };
        assert_eq!(values(0), [Some(3e5), Some(75e4)]);
        assert_eq!(values(1), [Some(162_500.0), Some(7e5)]);
        assert_eq!(values(2), [None, None]);
    }

    #[test]
    fn markdown_sets_the_best_of_a_column_bold() {
        let expected = "\
|  | a\\_b | b | Safety | c | Reasoning |
| --- | ---: | ---: | ---: | ---: | ---: |
| before | 50.00 | **10.00** | 30.00 | **75.00** | **75.00** |
| after\\| | **12.50** | 20.00 | **16.25** | 70.00 | 70.00 |
| half | 50.00 | - | - | - | - |
";
        assert_eq!(table().to_markdown(), expected);
    }

    #[test]
    fn latex_is_escaped() {
        let text = table().to_latex();
        assert!(
            text.starts_with("\\begin{tabular}{lrrrrr}\n\\toprule\n & a\\_b & b & Safety"),
            "{text}"
        );
        assert!(
            text.contains("after\\textbar{} & \\textbf{12.50} & 20.00 & \\textbf{16.25} & 70.00"),
            "{text}"
        );
    }
}
