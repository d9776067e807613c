//! The training dataset: its rows, and the file that holds them.

use std::path::Path;

use serde::{Deserialize, Serialize};
use thinksafe_core::hash::ContentHash;
use thinksafe_core::judge::JudgeIdentity;
use thinksafe_core::prompt::PromptLabel;
use thinksafe_core::seed::SampleSeed;
use thinksafe_core::trace::{ThinkTags, Trace};
use thinksafe_core::verdict::Safety;
use thinksafe_core::{Error as CoreError, fs};
use thinksafe_trace::SteeringUsed;

use crate::error::Error;
use crate::record::VerdictRecord;
use crate::view::View;

/// One training example: a line of `dataset.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatasetRow {
    /// The version of these fields, [`DatasetRow::VERSION`]. It is in each row because other tools read the file as
    /// plain JSON Lines, concatenate and split it.
    pub version: u32,
    /// What the user asks, without steering.
    pub instruction: String,
    /// The whole assistant turn, thinking and its marks included.
    pub response: String,
    /// The thinking without its marks; absent if the model did not think.
    pub thinking: Option<String>,
    /// What the user is shown. Training takes thinking and answer from here and never splits text again.
    pub answer: String,
    /// The prompt's kind.
    pub prompt_label: PromptLabel,
    /// The verdict of the guards together.
    pub response_label: Safety,
    /// Where the row comes from; absent in rows that this pipeline did not generate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Provenance>,
}

/// Where a dataset row comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// The key of its record in the trace log.
    pub trace: ContentHash,
    /// The prompt's id in its set.
    pub prompt_id: String,
    /// The sample's index among those of its prompt.
    pub sample_index: u32,
    /// The sample's seed.
    pub seed: SampleSeed,
    /// The steering under which it was generated.
    pub steering: Option<SteeringUsed>,
    /// The model that wrote it, by name.
    pub model: String,
    /// The hash of that model's identity.
    pub generator: ContentHash,
    /// What each guard said of it.
    pub guards: Vec<GuardVerdict>,
}

/// What a guard said of a dataset row. Where the policy lets guards outvote each other, not all need have found it safe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuardVerdict {
    /// The guard.
    pub guard: JudgeIdentity,
    /// What it saw.
    pub view: View,
    /// The key of its record in the verdict log.
    pub verdict: ContentHash,
    /// Its P(unsafe), the highest of the parts, where it gives one.
    pub p_unsafe: Option<f64>,
}

impl GuardVerdict {
    pub(crate) fn of(record: &VerdictRecord) -> Self {
        let p_unsafe = record.verdicts.iter().filter_map(|part| part.verdict.p_unsafe);
        Self {
            guard: record.judge.clone(),
            view: record.view,
            verdict: record.key.clone(),
            p_unsafe: p_unsafe.reduce(f64::max),
        }
    }
}

impl DatasetRow {
    /// The version that this program reads and writes.
    pub const VERSION: u32 = 2;

    /// Thinking and answer.
    pub fn trace(&self) -> Trace {
        Trace { thinking: self.thinking.clone(), answer: self.answer.clone() }
    }

    fn check(&self, path: &Path, line: usize) -> Result<(), Error> {
        let problem = |field, problem| Error::Row { path: path.to_owned(), line, field, problem };
        if self.version != Self::VERSION {
            let (path, found) = (path.to_owned(), self.version);
            return Err(Error::RowVersion { path, line, found, expected: Self::VERSION });
        }
        if self.instruction.trim().is_empty() {
            return Err(problem("instruction", "is blank"));
        }
        if self.answer.trim().is_empty() {
            return Err(problem("answer", "is blank"));
        }
        if !self.response.ends_with(&self.answer) {
            return Err(problem("answer", "is not the end of `response`"));
        }
        if self.answer.trim_start().starts_with(&ThinkTags::default().open) {
            return Err(problem("answer", "opens its thinking, which never closes"));
        }
        let thinking = self.thinking.as_deref().unwrap_or_default();
        if !self.response[..self.response.len() - self.answer.len()].contains(thinking) {
            return Err(problem("thinking", "is not in `response` before the answer"));
        }
        Ok(())
    }
}

/// Training examples in a fixed order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Dataset {
    rows: Vec<DatasetRow>,
}

impl Dataset {
    /// A dataset of these rows, in their order.
    pub fn new(rows: Vec<DatasetRow>) -> Self {
        Self { rows }
    }

    /// Reads a dataset file.
    ///
    /// # Errors
    /// With the line: [`CoreError::Parse`] if it is no row, [`Error::RowVersion`], or [`Error::Row`] if its fields
    /// contradict each other. [`Error::Empty`] if there is none.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let text = fs::read_to_string(path)?;
        let mut rows = Vec::new();
        for (line, text) in (1..).zip(text.lines()) {
            let row: DatasetRow = serde_json::from_str(text).map_err(|source| {
                let path = path.to_owned();
                CoreError::Parse { path, line, expected: "dataset row", source }
            })?;
            row.check(path, line)?;
            rows.push(row);
        }
        if rows.is_empty() {
            return Err(Error::Empty { path: path.to_owned() });
        }
        Ok(Self { rows })
    }

    /// Replaces the file as one step.
    ///
    /// # Errors
    /// [`CoreError::Io`].
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let mut lines = Vec::new();
        for row in &self.rows {
            serde_json::to_writer(&mut lines, row)
                .map_err(|source| CoreError::Serialize { what: "dataset row", source })?;
            lines.push(b'\n');
        }
        Ok(fs::write_atomic(path, lines)?)
    }

    /// The rows.
    pub fn rows(&self) -> &[DatasetRow] {
        &self.rows
    }

    /// The hash of all rows in their order, for manifests and training checkpoints.
    pub fn hash(&self) -> ContentHash {
        ContentHash::of("thinksafe.dataset", &self.rows)
    }
}

#[cfg(test)]
mod tests;
