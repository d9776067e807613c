//! Logs of what happens at steps, cut back to the checkpoint that a run goes on from.

use std::path::Path;

use thinksafe_core::hash::ContentHash;
use thinksafe_core::log::{Record, RecordLog};

use crate::Error;

/// A record that belongs to an optimizer step.
pub(crate) trait AtStep: Record {
    /// The step, from 1.
    fn step(&self) -> u64;
}

/// Opens a log of which the newest checkpoint has seen `done` records: what a killed process logged beyond is taken out,
/// since it will be done again. `expected` is the step and the key of the record of an index.
///
/// # Errors
/// [`Error::CheckpointMismatch`] if the log is of another run or lacks a record that was made; [`Error::Core`].
pub(crate) fn open<T: AtStep>(
    path: &Path,
    done: u64,
    expected: impl Fn(u64) -> (u64, ContentHash),
) -> Result<RecordLog<T>, Error> {
    // Opening first cuts a torn last line and takes the lock, so that nobody writes while it is rewritten.
    let log = RecordLog::<T>::open(path)?;
    let records: Vec<T> = thinksafe_core::log::read(path)?;
    check(path, done, &records, expected)?;
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

fn check<T: AtStep>(
    path: &Path,
    done: u64,
    records: &[T],
    expected: impl Fn(u64) -> (u64, ContentHash),
) -> Result<(), Error> {
    let mismatch = |field: &str, found: String, expected: String| {
        Err(Error::CheckpointMismatch {
            path: path.to_owned(),
            field: field.to_owned(),
            found,
            expected,
        })
    };
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
        open(path, done, |index| (index + 1, step_key(run, index + 1)))
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
