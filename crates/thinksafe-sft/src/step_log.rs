//! Logs of what happens at steps, cut back to the checkpoint that a run goes on from.

use std::path::Path;

use thinksafe_core::hash::ContentHash;
use thinksafe_core::log::{Record, RecordLog};

use crate::Error;
use crate::checkpoint;

/// A record that belongs to an optimizer step.
pub trait AtStep: Record {
    /// The step, from 1.
    fn step(&self) -> u64;
}

/// Opens a log of which the newest checkpoint has seen `done` records: what a killed process logged beyond is taken out,
/// since it will be done again. `expected` is the step and the key of the record of an index.
///
/// # Errors
/// [`Error::CheckpointMismatch`] if the log is of another run or lacks a record that was made; [`Error::Core`].
pub fn open_log<T: AtStep>(
    path: &Path,
    done: u64,
    expected: impl Fn(u64) -> (u64, ContentHash),
) -> Result<RecordLog<T>, Error> {
    // Opening first cuts a torn last line and takes the lock, so that nobody writes while it is rewritten.
    let log = RecordLog::<T>::open(path)?;
    let records: Vec<T> = thinksafe_core::log::read(path)?;
    check(path, done, &records, expected)?;
    cut(log, records, done as usize)
}

/// Opens a log with any number of records a step, of which the newest checkpoint has seen `count`: what was logged beyond
/// is taken out.
///
/// # Errors
/// [`Error::CheckpointMismatch`] if it lacks records that were made; [`Error::Core`].
pub fn open_log_first<T: Record>(path: &Path, count: u64) -> Result<RecordLog<T>, Error> {
    let log = RecordLog::<T>::open(path)?;
    let records: Vec<T> = thinksafe_core::log::read(path)?;
    let found = records.len() as u64;
    if found < count {
        let (found, expected) = (found.to_string(), format!("at least {count}"));
        return checkpoint::mismatch(path, "number of records", found, expected);
    }
    cut(log, records, count as usize)
}

/// The log with its first `kept` records, all of which are given.
fn cut<T: Record>(log: RecordLog<T>, records: Vec<T>, kept: usize) -> Result<RecordLog<T>, Error> {
    if records.len() == kept {
        return Ok(log);
    }
    let path = log.path().to_owned();
    let path = path.as_path();
    let shorter = path.with_extension("jsonl.rewritten");
    thinksafe_core::fs::remove_file_if_exists(&shorter)?;
    let mut rewritten = RecordLog::open(&shorter)?;
    for record in &records[..kept] {
        rewritten.append(record)?;
    }
    rewritten.sync()?;
    drop(rewritten);
    drop(log);
    thinksafe_core::fs::rename(&shorter, path)?;
    Ok(RecordLog::open(path)?)
}

fn check<T: AtStep>(
    path: &Path,
    done: u64,
    records: &[T],
    expected: impl Fn(u64) -> (u64, ContentHash),
) -> Result<(), Error> {
    let mismatch =
        |field: &str, found, expected| checkpoint::mismatch(path, field, found, expected);
    for (index, record) in (0..).zip(records) {
        let (step, key) = expected(index);
        if record.step() != step {
            return mismatch("step", record.step().to_string(), step.to_string());
        }
        if *record.key() != key {
            return mismatch("key", record.key().to_string(), key.to_string());
        }
    }
    if (records.len() as u64) < done {
        let found = records.len().to_string();
        return mismatch("number of records", found, format!("at least {done}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{StepRecord, step_key};

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

    fn open_of(path: &Path, run: &ContentHash, done: u64) -> Result<RecordLog<StepRecord>, Error> {
        open_log(path, done, |index| (index + 1, step_key(run, index + 1)))
    }

    fn written(path: &Path, run: &ContentHash, steps: u64) {
        let mut log = open_of(path, run, 0).unwrap();
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
        let mut log = open_of(&path, &run, 3).unwrap();
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
        let error = open_of(&path, &ContentHash::of_bytes("other"), 2).unwrap_err();
        assert!(matches!(error, Error::CheckpointMismatch { ref field, .. } if field == "key"));
        let error = open_of(&path, &run, 3).unwrap_err().to_string();
        assert!(error.contains("`number of records` is 2, this run's is at least 3"), "{error}");
    }
}
