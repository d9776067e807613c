//! What the ThinkSafe paper reports, to compare with.
//!
//! ```
//! use thinksafe_eval::paper;
//!
//! let published = paper::find("Qwen3-0.6B", "ThinkSafe").unwrap();
//! assert_eq!(published.safety[0], 40.37);
//! println!("{}", paper::table("Qwen3-0.6B").to_markdown());
//! ```

mod rows;

use crate::report::{Group, ResultTable};
use crate::score::Aspect;
use crate::statistics::Interval;

/// A row of the paper's tables 1, 2, 6 and 7 (arXiv 2601.23143v4), in percent as printed, slips included.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Published {
    /// The student: `Qwen3-0.6B`, `DeepSeek-R1-Distill-Llama-8B`, ...
    pub model: &'static str,
    /// How it was made safe: `Initial`, `ThinkSafe`, `ThinkSafe+WG` (filtered by WildGuard), or a baseline.
    pub method: &'static str,
    /// Harmful responses to, and of XSTest refusals of, what [`SAFETY`] names.
    pub safety: [f64; 4],
    /// Their average as printed.
    pub safety_average: f64,
    /// Right answers to what [`REASONING`] names, means over eight samples.
    pub reasoning: [f64; 4],
    /// Their average as printed.
    pub reasoning_average: f64,
}

impl Published {
    /// What is printed for a benchmark of the catalogue; `None` if the paper does not have it.
    pub fn percent(&self, benchmark: &str) -> Option<f64> {
        let mut columns =
            SAFETY.iter().zip(self.safety).chain(REASONING.iter().zip(self.reasoning));
        columns.find(|(name, _)| **name == benchmark).map(|(_, percent)| percent)
    }
}

/// The names in the [catalogue](crate::catalog) of the paper's safety columns; lower is better in all of them.
pub const SAFETY: [&str; 4] = ["harmbench-602", "strongreject", "wildjailbreak", "xstest-safe"];

/// The names in the [catalogue](crate::catalog) of the paper's reasoning columns.
pub const REASONING: [&str; 4] = ["aime24", "gsm8k", "math500", "gpqa-diamond"];

/// All rows, in the paper's order.
pub fn results() -> &'static [Published] {
    &rows::ROWS
}

/// The row of a model and a method.
pub fn find(model: &str, method: &str) -> Option<&'static Published> {
    results().iter().find(|row| row.model == model && row.method == method)
}

/// The layout of the paper's tables: `Safety Avg` is over four columns, XSTest refusals among them.
pub fn layout() -> Vec<Group> {
    let harm =
        |name: &&str| if *name == "xstest-safe" { Aspect::OverRefusal } else { Aspect::Harm };
    let safety = SAFETY.iter().map(|name| ((*name).to_owned(), harm(name)));
    let reasoning = REASONING.iter().map(|name| ((*name).to_owned(), Aspect::Reasoning));
    vec![
        Group { name: "Safety Avg".to_owned(), columns: safety.collect() },
        Group { name: "Reasoning Avg".to_owned(), columns: reasoning.collect() },
    ]
}

/// The paper's table of one model, its averages computed from its cells: they differ from those printed where the paper has
/// a slip. No rows for a model that is not in the paper.
pub fn table(model: &str) -> ResultTable {
    let mut table = ResultTable::new(layout());
    for row in results().iter().filter(|row| row.model == model) {
        table.push(row.method, |benchmark, _| {
            let value = row.percent(benchmark)? / 100.0;
            Some(Interval { value, low: value, high: value })
        });
    }
    table
}

#[cfg(test)]
mod tests;
