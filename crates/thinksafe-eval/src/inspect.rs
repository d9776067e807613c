//! Evaluations as logs of inspect_ai: for `inspect view`, `inspect_ai.log` and what is built on them.
//!
//! A log is one generator's responses to one benchmark, in the second version of the format (`.json`). Sample n of an
//! item is its epoch n + 1; thinking is reasoning content; each scorer is a scorer. Samples stand in inspect_ai's order, by
//! epoch and then by id, so that a log that it has written again (`inspect log convert --to eval`) reads the same. Python's
//! `==` on two such logs is still false where a score is missing: no NaN equals another.
//!
//! A response without a score has the value that inspect_ai has for it, NaN, with the reason: metrics pass over it, and
//! [results](crate::estimate::Estimate) count it. Metrics are over all scored responses, not over means of items
//! (`epochs_reducer` is empty), with `stderr(cluster="cluster")`; inspect_ai's `recompute_metrics` gives the same
//! numbers (`cargo xtask interop`). Where no response has a score it makes them NaN, and we leave them out. 95 % intervals and
//! the counts of each reason stand beside them.
//!
//! Requests and responses are written as they are, harmful ones too.

mod header;
mod json;
mod results;
mod sample;
mod time;

use std::ffi::OsStr;
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
        format!("{}{}", dashed(&self.created), self.ending())
    }

    /// The log's text. Its NaNs are not strict JSON; inspect_ai writes and reads them so.
    pub fn to_json(&self) -> String {
        json::to_string(&self.document(&names(&self.evaluated.measured)))
    }

    /// Writes the log into a folder under [its name](Self::file_name), and returns its path. It takes the place of logs
    /// that were written there earlier for the same benchmark, asked in the same way, and the same generator.
    ///
    /// # Errors
    /// [`Error::Core`] if the folder cannot be read or the file cannot be written.
    pub fn save(&self, dir: &Path) -> Result<PathBuf, Error> {
        let path = dir.join(self.file_name());
        fs::write_atomic(&path, self.to_json())?;
        for earlier in self.others(dir)? {
            fs::remove_file_if_exists(earlier)?;
        }
        Ok(path)
    }

    /// The logs in a folder that differ from this one in their time.
    fn others(&self, dir: &Path) -> Result<Vec<PathBuf>, Error> {
        let (name, ending) = (self.file_name(), self.ending());
        let is_other = |file: &str| file != name && file.ends_with(&ending);
        let files = fs::list(dir)?.into_iter();
        Ok(files
            .filter(|path| path.file_name().and_then(OsStr::to_str).is_some_and(is_other))
            .collect())
    }

    /// The file's name without its time.
    fn ending(&self) -> String {
        format!("_{}_{}.json", dashed(self.evaluated.benchmark.name()), self.ids().task)
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
        let asked = (benchmark.name(), benchmark.items(), benchmark.settings());
        // As many characters as inspect_ai's own.
        let short = |hash: ContentHash| hash.as_str()[..22].to_owned();
        let run = (&generator, benchmark.settings(), &self.created);
        let task = short(ContentHash::of("thinksafe.inspect.task", &(&generator, asked)));
        Ids {
            run: short(ContentHash::of("thinksafe.inspect.run", &run)),
            eval: short(ContentHash::of("thinksafe.inspect.eval", &(&task, &self.created))),
            task,
        }
    }
}

/// Text in a file's name, whose parts `_` separates.
fn dashed(text: &str) -> String {
    text.replace(['_', ':', '+'], "-")
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
