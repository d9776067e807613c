//! Comparison of runs, whatever reports they are from: on the items that all of them were asked.
//!
//! Items are matched by id and content, responses by item and sample. What a run was asked beyond that is left out and
//! counted, with the run's name; a benchmark that a run lacks, or a metric by another judge, is
//! [not compared](NotCompared), with the reason. Nothing is dropped silently. The first run is the one that the others
//! are compared with.
//!
//! ```
//! use thinksafe_core::seed::Seed;
//! use thinksafe_eval::compare::{Run, compare};
//! use thinksafe_eval::report::Report;
//! # use thinksafe_core::{run::RunDir, sampling::Sampling, testing::ScriptedGenerator};
//! # use thinksafe_eval::{answer::ExtractedAnswer, benchmark::{Benchmark, Item, Settings}};
//! # use thinksafe_eval::{evaluate::evaluate, scorer::AnswerAccuracy};
//! # fn report_of(answer: &'static str) -> Result<Report, Box<dyn std::error::Error>> {
//! #     let directory = tempfile::tempdir()?;
//! #     let items = vec![Item::new("sum", "What is 17 + 25?").with_reference("42")];
//! #     let benchmark = Benchmark::new("sums", items, Settings::new(Sampling::greedy(64), Seed(1)))?;
//! #     let mut model = ScriptedGenerator::new("model", move |_| Ok(answer.into()));
//! #     let mut accuracy = AnswerAccuracy::new(ExtractedAnswer::math());
//! #     let dir = RunDir::new(directory.path());
//! #     let mut report = Report::new("Sums");
//! #     report.add("only", &evaluate(&dir, &benchmark, &mut model, &mut [&mut accuracy], &mut |_| {})?)?;
//! #     Ok(report)
//! # }
//!
//! let (one, other) = (report_of(r"\boxed{41}")?, report_of(r"\boxed{42}")?);
//! let runs = [Run::new("base", &one, "only")?, Run::new("tuned", &other, "only")?];
//! let comparison = compare("Sums", &runs, 10_000, Seed(1))?;
//! let tuned = &comparison.benchmarks()[0].metrics[0].runs[1];
//! assert_eq!(tuned.change.unwrap().difference.rose, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod build;
mod change;
mod figures;
mod headlines;
mod matching;
mod page;
mod remarks;
mod table;

pub use change::Change;
pub use matching::LeftOut;

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use serde::{Deserialize, Serialize};
use thinksafe_core::generate::Identity;
use thinksafe_core::judge::JudgeIdentity;
use thinksafe_core::run::RunDir;
use thinksafe_core::seed::Seed;

use crate::Error;
use crate::benchmark::Settings;
use crate::estimate::Estimate;
use crate::report::{BenchmarkResult, Headline, Report, Sample, document};
use crate::score::Metric;
use crate::statistics::Summary;

/// A run of a report, under the name that it has in a comparison.
#[derive(Debug, Clone)]
pub struct Run<'a> {
    name: String,
    report: &'a Report,
    run: &'a str,
}

impl<'a> Run<'a> {
    /// The run that `report` calls `run`, to be called `name`.
    ///
    /// # Errors
    /// [`Error::UnknownRun`] if the report has none of that name.
    pub fn new(name: impl Into<String>, report: &'a Report, run: &str) -> Result<Self, Error> {
        let Some(run) = report.runs().iter().find(|known| *known == run) else {
            let (report, known) = (report.title.clone(), report.runs().join(", "));
            return Err(Error::UnknownRun { report, run: run.to_owned(), known });
        };
        Ok(Self { name: name.into(), report, run })
    }

    fn results(&self) -> impl Iterator<Item = &'a BenchmarkResult> {
        let run = self.run;
        self.report.results().iter().filter(move |result| result.run == run)
    }
}

/// Runs on the same items.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    format: String,
    version: u32,
    /// The title.
    pub title: String,
    runs: Vec<String>,
    benchmarks: Vec<ComparedBenchmark>,
    not_compared: Vec<NotCompared>,
    draws: u32,
    seed: Seed,
    samples: Vec<Sample>,
}

/// A benchmark that all runs have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComparedBenchmark {
    /// Its name.
    pub benchmark: String,
    /// How many items all runs were asked.
    pub items: u64,
    /// How often all of them were asked each.
    pub samples: u32,
    /// How each run was asked, in the order of the runs.
    pub asked: Vec<AskedRun>,
    /// What was measured in all runs by the same judge.
    pub metrics: Vec<ComparedMetric>,
}

/// How a run was asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskedRun {
    /// The run.
    pub run: String,
    /// What answered.
    pub generator: Identity,
    /// How.
    pub settings: Settings,
    /// What it was asked that the comparison is not over.
    pub left_out: LeftOut,
    /// Tokens generated for a response, over all of its own.
    pub tokens: Option<Summary>,
}

/// A metric on a benchmark.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComparedMetric {
    /// What was measured.
    pub metric: Metric,
    /// The judge it rests on.
    pub judge: Option<JudgeIdentity>,
    /// What each run did, in the order of the runs.
    pub runs: Vec<MeasuredRun>,
}

/// What a run did on the shared items.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeasuredRun {
    /// The run.
    pub run: String,
    /// The rate over the shared items: not always the one of the run's own report.
    pub estimate: Estimate,
    /// The change from the first run; absent for that, and where no response has a score in both.
    pub change: Option<Change>,
    /// The same for each category.
    pub categories: BTreeMap<String, MeasuredCategory>,
}

/// What a run did on the shared items of a category.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeasuredCategory {
    /// The rate.
    pub estimate: Estimate,
    /// The change from the first run.
    pub change: Option<Change>,
}

/// What some runs have and the comparison does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotCompared {
    /// The benchmark.
    pub benchmark: String,
    /// The metric; all of them if absent.
    pub metric: Option<String>,
    /// Why.
    pub reason: Reason,
}

/// Why something is not compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// These runs do not have it.
    Missing(Vec<String>),
    /// No item is in all runs.
    NoSharedItem,
    /// Runs were judged by these, in their order: rates by two judges are two measurements.
    OtherJudges(Vec<String>),
}

/// Compares runs on the items that all of them were asked.
///
/// `draws` and `seed` are for the tests that draw (see [`paired_tests`](crate::statistics::paired_tests)); without
/// draws there are intervals and no tests. P-values are adjusted for their number by [Holm's
/// method](crate::statistics::holm): those of benchmarks among each other, and those of categories.
///
/// # Errors
/// [`Error::TooFewRuns`] for fewer than two; [`Error::DuplicateRun`] for two of the same name.
pub fn compare(title: &str, runs: &[Run<'_>], draws: u32, seed: Seed) -> Result<Comparison, Error> {
    if runs.len() < 2 {
        return Err(Error::TooFewRuns { found: runs.len() });
    }
    let mut names = HashSet::new();
    if let Some(twice) = runs.iter().find(|run| !names.insert(&run.name)) {
        return Err(Error::DuplicateRun { name: twice.name.clone() });
    }
    Ok(build::comparison(title, runs, draws, seed))
}

impl Comparison {
    /// The format's name, in the file.
    pub const FORMAT: &'static str = "thinksafe.comparison";
    /// The version of the file's fields.
    pub const VERSION: u32 = 1;

    /// The runs' names; the first is the one that the others are compared with.
    pub fn runs(&self) -> &[String] {
        &self.runs
    }

    /// The benchmarks that all runs have.
    pub fn benchmarks(&self) -> &[ComparedBenchmark] {
        &self.benchmarks
    }

    /// What is not compared, and why.
    pub fn not_compared(&self) -> &[NotCompared] {
        &self.not_compared
    }

    /// The average of each aspect over its benchmarks, for each run, with its change from the first.
    pub fn headlines(&self) -> Vec<Headline> {
        headlines::headlines(self)
    }

    /// Sentences, remarks and tables as plain text, for a terminal.
    pub fn to_text(&self) -> String {
        table::to_text(self)
    }

    /// Sentences, remarks and tables as Markdown.
    pub fn to_markdown(&self) -> String {
        table::to_markdown(self)
    }

    /// The tables as LaTeX `tabular`s (package `booktabs`), sentences and remarks as comments before them.
    ///
    /// Every text is escaped; letters beyond Latin's need XeLaTeX or LuaLaTeX.
    pub fn to_latex(&self) -> String {
        table::to_latex(self)
    }

    /// Everything as one self-contained page: no script, no request to anywhere.
    pub fn to_html(&self) -> String {
        page::html(self)
    }

    /// Writes `comparison.json` and `comparison.html` of a directory.
    ///
    /// # Errors
    /// [`Error::Core`] if a file cannot be written.
    pub fn save(&self, dir: &RunDir) -> Result<(), Error> {
        let (json, html) = (dir.comparison_json(), dir.comparison_html());
        document::save(Self::FORMAT, (&json, self), (&html, self.to_html()))
    }

    /// Reads a `comparison.json`.
    ///
    /// # Errors
    /// [`Error::Core`] if the file cannot be read; [`Error::ReportFormat`] if it is of another format or version.
    pub fn read(path: &Path) -> Result<Self, Error> {
        document::read(path, Self::FORMAT, Self::VERSION)
    }
}
