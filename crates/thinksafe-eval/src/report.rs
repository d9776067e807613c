//! Reports: what several runs did on several benchmarks, as data, as a table and as a page.

pub(crate) mod browser;
pub(crate) mod document;
pub(crate) mod figures;
mod grouped;
pub(crate) mod headline;
mod html;
mod item;
pub(crate) mod latex;
mod lengths;
pub(crate) mod sections;
pub(crate) mod sentence;
pub(crate) mod table;

pub use grouped::{Group, ResultRow, ResultTable};
pub use headline::{Headline, HeadlineRun};
pub use item::ItemKey;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};
use thinksafe_core::generate::Identity;
use thinksafe_core::judge::JudgeIdentity;
use thinksafe_core::prompt::PromptLabel;
use thinksafe_core::run::RunDir;

use crate::Error;
use crate::benchmark::Settings;
use crate::estimate::{self, Estimate};
use crate::evaluate::{Evaluated, Measured};
use crate::sample::Response;
use crate::score::{Metric, Score, Value};
use crate::statistics::{PairedDifference, Summary};

/// Results of runs on benchmarks. The first run added is the one that others are compared with, the last the result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    format: String,
    version: u32,
    /// The report's title.
    pub title: String,
    runs: Vec<String>,
    results: Vec<BenchmarkResult>,
    samples: Vec<Sample>,
    /// Facts about the run for people: model, method, settings.
    pub facts: Vec<Fact>,
    /// How long each phase took; measured by the caller.
    pub timings: Vec<Timing>,
    /// The training loss.
    pub loss: Vec<LossPoint>,
    /// What filtering dropped, a row a prompt label.
    pub drops: Vec<Drops>,
}

/// One run's results on one benchmark.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BenchmarkResult {
    /// The run.
    pub run: String,
    /// The benchmark.
    pub benchmark: String,
    /// The items that were asked.
    pub items: Vec<ItemKey>,
    /// How they were asked.
    pub settings: Settings,
    /// What answered.
    pub generator: Identity,
    /// One entry a metric.
    pub metrics: Vec<MetricResult>,
    /// Tokens generated for each response that was served.
    pub generated_tokens: Vec<u64>,
    /// Characters of thinking in each response that was split.
    pub thinking_chars: Vec<u64>,
}

impl BenchmarkResult {
    /// The distribution of tokens generated a response.
    pub fn tokens(&self) -> Option<Summary> {
        Summary::of(&self.generated_tokens.iter().map(|n| *n as f64).collect::<Vec<_>>())
    }
}

/// One metric on one benchmark.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricResult {
    /// What was measured.
    pub metric: Metric,
    /// The judge it rests on.
    pub judge: Option<JudgeIdentity>,
    /// The rate.
    pub estimate: Estimate,
    /// The rate for each category.
    pub categories: BTreeMap<String, Estimate>,
    /// The difference from the first run on the same items.
    pub difference: Option<PairedDifference>,
    /// The score of each response.
    pub scores: Vec<Score>,
}

/// A fact about the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fact {
    /// What it is about.
    pub name: String,
    /// The fact.
    pub value: String,
}

/// How long a phase took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timing {
    /// The phase.
    pub phase: String,
    /// Wall-clock seconds.
    pub seconds: f64,
}

/// The training loss at a step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LossPoint {
    /// The optimizer step.
    pub step: u64,
    /// The loss, in nats a token.
    pub loss: f64,
}

/// What filtering did with the traces of one prompt label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drops {
    /// The label.
    pub label: PromptLabel,
    /// How many traces were kept.
    pub kept: u64,
    /// How many were dropped, by reason.
    pub dropped: BTreeMap<String, u64>,
}

/// A response to read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// The run.
    pub run: String,
    /// The benchmark.
    pub benchmark: String,
    /// The item's id.
    pub item: String,
    /// The request, without steering.
    pub text: String,
    /// Whether the request is harmful or may be: the page shows neither it nor the response until asked.
    pub harmful: bool,
    /// The thinking, if the response was split.
    pub thinking: Option<String>,
    /// The answer, or the whole turn if it was not split.
    pub answer: String,
    /// What each metric says of it.
    pub findings: Vec<Fact>,
}

impl Report {
    /// The format's name, in the file.
    pub const FORMAT: &'static str = "thinksafe.report";
    /// The version of the file's fields.
    ///
    /// Version 2 has the items of each benchmark, by which runs of several reports are compared.
    pub const VERSION: u32 = 2;

    /// An empty report.
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            format: Self::FORMAT.to_owned(),
            version: Self::VERSION,
            title: title.into(),
            runs: Vec::new(),
            results: Vec::new(),
            samples: Vec::new(),
            facts: Vec::new(),
            timings: Vec::new(),
            loss: Vec::new(),
            drops: Vec::new(),
        }
    }

    /// Adds one run's results on one benchmark, and the difference from the first run where that has them.
    ///
    /// # Errors
    /// [`Error::DuplicateResult`] if the report has them; [`Error::OtherItems`] if the first run was asked other items
    /// under the benchmark's name (see [`compare`](crate::compare::compare) for runs that share a part of theirs).
    pub fn add(&mut self, run: &str, evaluated: &Evaluated) -> Result<(), Error> {
        let benchmark = evaluated.benchmark.name();
        if self.result(run, benchmark).is_some() {
            let (run, benchmark) = (run.to_owned(), benchmark.to_owned());
            return Err(Error::DuplicateResult { run, benchmark });
        }
        let first = self.runs.first().and_then(|first| self.result(first, benchmark));
        let items = item::keys(&evaluated.benchmark);
        if let Some(first) = first {
            item::check_same((run, benchmark), &items, &first.items)?;
        }
        let metrics =
            evaluated.measured.iter().map(|m| metric_result(evaluated, m, first)).collect();
        let generated = evaluated.responses.iter().filter_map(Response::generated);
        let traces = evaluated.responses.iter().filter_map(|r| r.trace.as_ref().ok());
        let thinking = |t: &thinksafe_core::trace::Trace| {
            t.thinking.as_deref().map_or(0, |text| text.chars().count() as u64)
        };
        let result = BenchmarkResult {
            run: run.to_owned(),
            benchmark: benchmark.to_owned(),
            items,
            settings: evaluated.benchmark.settings().clone(),
            generator: evaluated.generator.clone(),
            metrics,
            generated_tokens: generated.map(|g| u64::from(g.completion_tokens())).collect(),
            thinking_chars: traces.map(thinking).collect(),
        };
        browser::pick(&mut self.samples, run, evaluated);
        self.results.push(result);
        if !self.runs.iter().any(|r| r == run) {
            self.runs.push(run.to_owned());
        }
        Ok(())
    }

    /// Adds a fact about the run.
    pub fn fact(&mut self, name: impl Into<String>, value: impl std::fmt::Display) {
        self.facts.push(Fact { name: name.into(), value: value.to_string() });
    }

    /// The runs, in the order added.
    pub fn runs(&self) -> &[String] {
        &self.runs
    }

    /// The results, in the order added.
    pub fn results(&self) -> &[BenchmarkResult] {
        &self.results
    }

    /// The responses to read.
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// One run's results on one benchmark.
    pub fn result(&self, run: &str, benchmark: &str) -> Option<&BenchmarkResult> {
        self.results.iter().find(|r| r.run == run && r.benchmark == benchmark)
    }

    /// The average of each aspect over its benchmarks, for each run: the result in a few numbers.
    pub fn headlines(&self) -> Vec<Headline> {
        headline::headlines(self)
    }

    /// The results as a plain-text table with aligned columns, for a terminal.
    pub fn to_text(&self) -> String {
        table::to_text(self)
    }

    /// The results as Markdown tables.
    pub fn to_markdown(&self) -> String {
        table::to_markdown(self)
    }

    /// The results as a LaTeX `tabular` (package `booktabs`), and what was not scored as a second one.
    ///
    /// Every text is escaped; letters beyond Latin's need XeLaTeX or LuaLaTeX.
    pub fn to_latex(&self) -> String {
        table::to_latex(self)
    }

    /// The results as one self-contained page: no script, no request to anywhere.
    pub fn to_html(&self) -> String {
        html::page(self)
    }

    /// Writes `report.json` and `report.html` of a run directory.
    ///
    /// # Errors
    /// [`Error::Core`] if a file cannot be written.
    pub fn save(&self, dir: &RunDir) -> Result<(), Error> {
        let (json, html) = (dir.report_json(), dir.report_html());
        document::save(Self::FORMAT, (&json, self), (&html, self.to_html()))
    }

    /// Reads a `report.json`.
    ///
    /// # Errors
    /// [`Error::Core`] if the file cannot be read; [`Error::ReportFormat`] if it is of another format or version.
    pub fn read(path: &Path) -> Result<Self, Error> {
        document::read(path, Self::FORMAT, Self::VERSION)
    }

    /// The benchmarks and their metrics, in the order first added.
    fn rows(&self) -> Vec<(&str, &Metric)> {
        let mut rows: Vec<(&str, &Metric)> = Vec::new();
        for result in &self.results {
            for metric in &result.metrics {
                let row = (result.benchmark.as_str(), &metric.metric);
                if !rows.contains(&row) {
                    rows.push(row);
                }
            }
        }
        rows
    }

    /// How many items a benchmark has.
    fn asked(&self, benchmark: &str) -> usize {
        let result = self.results.iter().find(|r| r.benchmark == benchmark);
        result.map_or(0, |result| result.items.len())
    }

    /// The categories that a benchmark's items have, in alphabetical order.
    fn categories(&self, benchmark: &str, metric: &Metric) -> BTreeSet<&String> {
        let results = self.runs.iter().filter_map(|run| self.metric(run, benchmark, metric));
        results.flat_map(|result| result.categories.keys()).collect()
    }

    fn metric(&self, run: &str, benchmark: &str, metric: &Metric) -> Option<&MetricResult> {
        self.result(run, benchmark)?.metrics.iter().find(|m| m.metric == *metric)
    }
}

fn metric_result(
    evaluated: &Evaluated,
    measured: &Measured,
    first: Option<&BenchmarkResult>,
) -> MetricResult {
    // The same metric by another judge is another measurement.
    let same =
        |result: &&MetricResult| result.metric == measured.metric && result.judge == measured.judge;
    let first = first.and_then(|result| result.metrics.iter().find(same));
    MetricResult {
        metric: measured.metric.clone(),
        judge: measured.judge.clone(),
        estimate: measured.estimate.clone(),
        categories: measured.categories.clone(),
        difference: first
            .and_then(|f| estimate::compare(&evaluated.benchmark, &f.scores, &measured.scores)),
        scores: measured.scores.clone(),
    }
}

/// What a score says, in a few words.
fn finding(metric: &Metric, score: &Score) -> Fact {
    let word = match score.value {
        Value::Binary(true) => "yes".to_owned(),
        Value::Binary(false) => "no".to_owned(),
        Value::Degree(degree) => format!("{degree:.2}"),
        Value::Unscored(reason) => reason.to_string(),
    };
    let value = match (&score.answer, &score.explanation) {
        (Some(answer), Some(why)) => format!("{word} ({answer}; {why})"),
        (Some(text), None) | (None, Some(text)) => format!("{word} ({text})"),
        (None, None) => word,
    };
    Fact { name: metric.name.clone(), value }
}
