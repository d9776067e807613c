//! The train log: one record an optimizer step, in the append-only format of every log.

use std::path::Path;

use serde::{Deserialize, Serialize};
use thinksafe_core::hash::ContentHash;
use thinksafe_core::log::{Record, RecordLog};

use crate::Error;

/// What happened in one optimizer step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepRecord {
    /// The hash of the run (settings, data, model) and the step.
    pub key: ContentHash,
    /// The optimizer step, from 1.
    pub step: u64,
    /// Epochs finished after it; a fraction within an epoch.
    pub epoch: f64,
    /// The value of the objective on the global batch, before the update.
    pub loss: f64,
    /// The value of each term, in the objective's order.
    pub terms: Vec<TermValue>,
    /// The learning rate of the update.
    pub lr: f64,
    /// The 2-norm of the gradient, before clipping.
    pub grad_norm: f64,
    /// Tokens that passed through the model, padding not counted.
    pub tokens: u64,
    /// Tokens of them that were supervised.
    pub supervised_tokens: u64,
}

/// The value of one term of the objective, its coefficient included.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TermValue {
    /// The loss's name.
    pub loss: String,
    /// Its share of the objective.
    pub value: f64,
}

impl Record for StepRecord {
    const FORMAT: &'static str = "thinksafe.sft.steps";
    const VERSION: u32 = 1;

    fn key(&self) -> &ContentHash {
        &self.key
    }
}

/// The key of a step's record.
pub(crate) fn step_key(run: &ContentHash, step: u64) -> ContentHash {
    ContentHash::of("thinksafe.sft.step", &(run, step))
}

/// Opens the train log of a run that has done `done` steps: what a killed process logged beyond its last checkpoint
/// is taken out, since it will be done again.
///
/// # Errors
/// [`Error::CheckpointMismatch`] if the log is of another run or lacks a step that was done; [`Error::Core`].
pub(crate) fn open_log(
    path: &Path,
    run: &ContentHash,
    done: u64,
) -> Result<RecordLog<StepRecord>, Error> {
    // Opening first cuts a torn last line and takes the lock, so that nobody writes while it is rewritten.
    let log = RecordLog::<StepRecord>::open(path)?;
    let records: Vec<StepRecord> = thinksafe_core::log::read(path)?;
    check(path, run, done, &records)?;
    if records.len() as u64 == done {
        return Ok(log);
    }
    let kept = path.with_extension("jsonl.rewritten");
    remove_if_present(&kept)?;
    let mut rewritten = RecordLog::open(&kept)?;
    for record in &records[..done as usize] {
        rewritten.append(record)?;
    }
    rewritten.sync()?;
    drop(rewritten);
    drop(log);
    thinksafe_core::fs::rename(&kept, path)?;
    Ok(RecordLog::open(path)?)
}

fn check(path: &Path, run: &ContentHash, done: u64, records: &[StepRecord]) -> Result<(), Error> {
    let mismatch = |field: &str, found: String, expected: String| {
        Err(Error::CheckpointMismatch {
            path: path.to_owned(),
            field: field.to_owned(),
            found,
            expected,
        })
    };
    for (record, step) in records.iter().zip(1..) {
        if record.step != step {
            return mismatch("step", record.step.to_string(), step.to_string());
        }
        let expected = step_key(run, step);
        if record.key != expected {
            return mismatch("key", record.key.to_string(), expected.to_string());
        }
    }
    if (records.len() as u64) < done {
        return mismatch("number of steps", records.len().to_string(), format!("at least {done}"));
    }
    Ok(())
}

fn remove_if_present(path: &Path) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(thinksafe_core::Error::Io { action: "remove", path: path.to_owned(), source }
                .into())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(run: &ContentHash, step: u64) -> StepRecord {
        StepRecord {
            key: step_key(run, step),
            step,
            epoch: 0.0,
            loss: 1.0,
            terms: Vec::new(),
            lr: 0.0,
            grad_norm: 0.0,
            tokens: 0,
            supervised_tokens: 0,
        }
    }

    fn written(path: &Path, run: &ContentHash, steps: u64) {
        let mut log = open_log(path, run, 0).unwrap();
        for step in 1..=steps {
            log.append(&record(run, step)).unwrap();
        }
    }

    #[test]
    fn steps_beyond_the_checkpoint_are_done_and_logged_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("train.jsonl");
        let run = ContentHash::of_bytes("run");
        written(&path, &run, 5);
        let whole = std::fs::read(&path).unwrap();
        let mut log = open_log(&path, &run, 3).unwrap();
        assert_eq!(log.len(), 3);
        log.append(&record(&run, 4)).unwrap();
        log.append(&record(&run, 5)).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), whole);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn another_runs_log_and_a_log_with_a_gap_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("train.jsonl");
        let run = ContentHash::of_bytes("run");
        written(&path, &run, 2);
        let error = open_log(&path, &ContentHash::of_bytes("other"), 2).unwrap_err();
        assert!(matches!(error, Error::CheckpointMismatch { ref field, .. } if field == "key"));
        let error = open_log(&path, &run, 3).unwrap_err().to_string();
        assert!(error.contains("`number of steps` is 2, this run's is at least 3"), "{error}");
    }
}
