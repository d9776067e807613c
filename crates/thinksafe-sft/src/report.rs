//! The training report: what the logs say, as one self-contained page.

mod page;
#[cfg(test)]
mod tests;

use std::path::Path;

use serde_json::Value;
use thinksafe_core::log;

use crate::Error;
use crate::checkpoint;
use crate::example::Example;
use crate::fit::{EVALUATIONS, Outcome, STEPS};
use crate::record::{EvaluationRecord, StepRecord};
use crate::retention;

/// A run for people: its curves, settings, data and outcome.
///
/// ```no_run
/// use thinksafe_sft::TrainingReport;
///
/// let report = TrainingReport::read("Qwen3-0.6B on its own traces", "run/checkpoints")?;
/// thinksafe_core::fs::write_atomic("run/training.html", report.to_html())?;
/// # Ok::<(), thinksafe_sft::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TrainingReport {
    /// The title.
    pub title: String,
    /// The train log.
    pub steps: Vec<StepRecord>,
    /// The log of evaluations; empty if there were none.
    pub evaluations: Vec<EvaluationRecord>,
    /// How the run ended, if it has.
    pub outcome: Option<Outcome>,
    /// What it was trained and evaluated on, by name.
    pub data: Vec<(String, String)>,
    /// The settings of the newest checkpoint, by path (`optimizer.lr`).
    pub settings: Vec<(String, String)>,
}

impl TrainingReport {
    /// Reads the logs that [`fit`](crate::fit) keeps in a directory and the settings of its newest checkpoint. The run may
    /// still be going on.
    ///
    /// # Errors
    /// [`Error::Core`] if there is no train log or a file cannot be read; [`Error::Checkpoint`] if the newest checkpoint is
    /// damaged.
    pub fn read(title: impl Into<String>, dir: impl AsRef<Path>) -> Result<Self, Error> {
        let dir = dir.as_ref();
        let evaluations = dir.join(EVALUATIONS);
        let mut settings = Vec::new();
        if let Some(newest) = retention::latest(dir)? {
            let (config, adapter) = checkpoint::settings(&newest)?;
            flatten("", &config, &mut settings);
            flatten("adapter", &adapter, &mut settings);
        }
        Ok(Self {
            title: title.into(),
            steps: log::read(dir.join(STEPS))?,
            evaluations: if evaluations.exists() { log::read(evaluations)? } else { Vec::new() },
            outcome: None,
            data: Vec::new(),
            settings,
        })
    }

    /// Adds the counts of a set of examples under a name.
    pub fn describe(&mut self, name: impl Into<String>, examples: &[Example]) {
        let tokens: u64 = examples.iter().map(|e| e.ids.len() as u64).sum();
        let supervised: u64 = examples.iter().map(|e| e.supervised_tokens() as u64).sum();
        let longest = examples.iter().map(|e| e.ids.len() as u64).max().unwrap_or(0);
        let [examples, tokens, supervised, longest] =
            [examples.len() as u64, tokens, supervised, longest].map(page::grouped);
        let counts = format!(
            "{examples} examples, {tokens} tokens, {supervised} of them supervised; the longest has {longest}"
        );
        self.data.push((name.into(), counts));
    }

    /// The page: no script, no request to anywhere.
    pub fn to_html(&self) -> String {
        page::page(self)
    }
}

/// Adds the leaves of a JSON value with their paths, which begin with `at`.
pub fn flatten(at: &str, value: &Value, leaves: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
                flatten(&path, value, leaves);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for (index, value) in items.iter().enumerate() {
                flatten(&format!("{at}[{index}]"), value, leaves);
            }
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(leaf).collect();
            leaves.push((at.to_owned(), items.join(", ")));
        }
        value => leaves.push((at.to_owned(), leaf(value))),
    }
}

fn leaf(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "none".to_owned(),
        value => value.to_string(),
    }
}
