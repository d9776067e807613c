//! Evaluations as logs of inspect_ai: for `inspect view`, `inspect_ai.log` and what is built on them.
//!
//! A log is one generator's responses to one benchmark, in the second version of the format (`.json`). Sample n of an
//! item is its epoch n + 1; thinking is reasoning content; each scorer is a scorer.
//!
//! A response without a score has the value that inspect_ai has for it, NaN, with the reason: metrics pass over it, and
//! [results](crate::estimate::Estimate) count it. Metrics are over all scored responses, not over means of items
//! (`epochs_reducer` is empty), with `stderr(cluster="cluster")`; inspect_ai's `recompute_metrics` gives the same
//! numbers (`tests/golden/check_inspect_log.py` of this crate). 95 % intervals and the counts of each reason stand beside them.
//!
//! Requests and responses are written as they are, harmful ones too.

mod header;
mod json;
mod results;
mod sample;
mod time;

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Serialize;
use thinksafe_core::fs;
use thinksafe_core::hash::ContentHash;

use crate::Error;
use crate::evaluate::{Evaluated, Measured};

/// An evaluation, seen as a log of inspect_ai.
///
/// ```
/// # use thinksafe_core::{run::RunDir, sampling::Sampling, seed::Seed, testing::ScriptedGenerator};
/// # use thinksafe_eval::benchmark::{Benchmark, Item, Settings};
/// # use thinksafe_eval::{answer::ExtractedAnswer, evaluate::evaluate, scorer::AnswerAccuracy};
/// use std::time::SystemTime;
///
/// use thinksafe_eval::inspect::InspectLog;
///
/// # let temporary = tempfile::tempdir()?;
/// # let directory = temporary.path();
/// # let items = vec![Item::new("sum", "What is 17 + 25?").with_reference("42")];
/// # let benchmark = Benchmark::new("sums", items, Settings::new(Sampling::greedy(64), Seed(1)))?;
/// # let mut model = ScriptedGenerator::new("model", |_| Ok(r"\boxed{42}".into()));
/// # let mut accuracy = AnswerAccuracy::new(ExtractedAnswer::math());
/// # let (run, scorers) = (RunDir::new(directory), &mut [&mut accuracy as _]);
/// let evaluated = evaluate(&run, &benchmark, &mut model, scorers, &mut |_| {})?;
/// let path = InspectLog::new(&evaluated, SystemTime::now()).save(&directory.join("inspect"))?;
/// assert!(path.exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct InspectLog<'a> {
    evaluated: &'a Evaluated,
    created: String,
    tags: Vec<String>,
}

impl<'a> InspectLog<'a> {
    /// The log of an evaluation that was made at a time, without tags.
    pub fn new(evaluated: &'a Evaluated, created: SystemTime) -> Self {
        Self { evaluated, created: time::rfc3339(created), tags: Vec::new() }
    }

    /// The log with a word by which people find it again: the name of the run, say.
    #[must_use]
    pub fn tagged(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// The file's name as inspect_ai would choose it, without which `inspect view` does not list the file: the time, the
    /// benchmark, and a hash of benchmark and generator.
    pub fn file_name(&self) -> String {
        let name = |text: &str| text.replace(['_', ':', '+'], "-");
        let Ids { task, .. } = self.ids();
        format!("{}_{}_{task}.json", name(&self.created), name(self.evaluated.benchmark.name()))
    }

    /// The log's text. Its NaNs are not strict JSON; inspect_ai writes and reads them so.
    pub fn to_json(&self) -> String {
        json::to_string(&self.document(&names(&self.evaluated.measured)))
    }

    /// Writes the log into a folder under [its name](Self::file_name), and returns its path.
    ///
    /// # Errors
    /// [`Error::Core`] if the file cannot be written.
    pub fn save(&self, dir: &Path) -> Result<PathBuf, Error> {
        let path = dir.join(self.file_name());
        fs::write_atomic(&path, self.to_json())?;
        Ok(path)
    }

    fn document<'b>(&'b self, names: &'b [String]) -> Document<'b> {
        let evaluated = self.evaluated;
        Document {
            version: 2,
            status: "success",
            eval: header::spec(self, names),
            plan: header::plan(evaluated.benchmark.settings()),
            results: results::results(evaluated, names),
            stats: results::stats(evaluated),
            samples: sample::samples(evaluated, names),
        }
    }

    fn ids(&self) -> Ids {
        let (benchmark, generator) = (&self.evaluated.benchmark, self.evaluated.generator.hash());
        let id = |domain, made: &[&str]| {
            let hash = ContentHash::of(domain, &(&generator, benchmark.settings(), made));
            // As many characters as inspect_ai's own.
            hash.as_str()[..22].to_owned()
        };
        Ids {
            run: id("thinksafe.inspect.run", &[&self.created]),
            task: id("thinksafe.inspect.task", &[benchmark.name()]),
            eval: id("thinksafe.inspect.eval", &[benchmark.name(), &self.created]),
        }
    }
}

/// What tells logs apart.
struct Ids {
    run: String,
    task: String,
    eval: String,
}

/// The file, in the order of its fields: what a list of logs shows comes before the samples.
#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    status: &'static str,
    eval: header::Spec<'a>,
    plan: header::Plan<'a>,
    results: results::Results,
    stats: results::Stats,
    samples: Vec<sample::Sample<'a>>,
}

/// The scorers' names: metrics in one word, with a number where there are several of one name, as inspect_ai counts them.
fn names(measured: &[Measured]) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(measured.len());
    for measured in measured {
        let base = measured.metric.name.replace([' ', '-'], "_");
        let numbered = (1..).map(|n| format!("{base}{n}"));
        let free = std::iter::once(base.clone()).chain(numbered).find(|n| !names.contains(n));
        names.extend(free);
    }
    names
}

/// What the model is called in the log: engine and name, as inspect_ai names providers.
fn model(evaluated: &Evaluated) -> String {
    format!("{}/{}", evaluated.generator.engine, evaluated.generator.model)
}
