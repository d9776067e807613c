//! Checkpoints: directories that appear whole or not at all, and that only the same run can go on from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thinksafe_core::fs;
use thinksafe_core::hash::ContentHash;

use crate::Error;
use crate::held_out::{Best, Standing};
use crate::retention;
use crate::snapshot;
use crate::trainer::Trainer;

const FORMAT: &str = "thinksafe.sft.checkpoint";
const VERSION: u32 = 2;
const STATE: &str = "state.json";

/// What a checkpoint says about itself.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    format: String,
    version: u32,
    step: u64,
    model: ContentHash,
    data: ContentHash,
    config: serde_json::Value,
    adapter: serde_json::Value,
    held_out: HeldOutState,
    /// The hash of each file's content.
    files: BTreeMap<String, ContentHash>,
}

/// What evaluation left behind when a checkpoint was written.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HeldOutState {
    /// What is evaluated and when; null if nothing is.
    pub(crate) settings: serde_json::Value,
    pub(crate) standing: Standing,
}

/// The standing of evaluations at a checkpoint.
///
/// # Errors
/// [`Error::CheckpointMismatch`] with the setting, if the run evaluated something else.
pub(crate) fn standing(path: &Path, settings: &serde_json::Value) -> Result<Standing, Error> {
    let state = read_state(path)?.held_out;
    match first_difference("held_out", &state.settings, settings) {
        None => Ok(state.standing),
        Some((field, found, expected)) => mismatch(path, &field, found, expected),
    }
}

/// The best evaluation up to a checkpoint.
pub(crate) fn best(path: &Path) -> Result<Option<Best>, Error> {
    Ok(read_state(path)?.held_out.standing.best)
}

/// The settings of the run that a checkpoint is of, and those of its adapter.
pub(crate) fn settings(path: &Path) -> Result<(serde_json::Value, serde_json::Value), Error> {
    let State { config, adapter, .. } = read_state(path)?;
    Ok((config, adapter))
}

impl Trainer<'_> {
    /// Writes a checkpoint `step-N` into a directory and removes all but the newest `keep`.
    ///
    /// It is written under another name, synced and renamed: a killed process leaves no half of one.
    ///
    /// # Errors
    /// [`Error::Core`] if a file cannot be written.
    pub fn save_checkpoint(&self, dir: impl AsRef<Path>, keep: usize) -> Result<PathBuf, Error> {
        let path = self.write_checkpoint(dir.as_ref(), HeldOutState::default())?;
        retention::prune(dir.as_ref(), keep, None)?;
        Ok(path)
    }

    /// As [`save_checkpoint`](Self::save_checkpoint), removing nothing.
    pub(crate) fn write_checkpoint(
        &self,
        dir: &Path,
        held_out: HeldOutState,
    ) -> Result<PathBuf, Error> {
        let step = self.steps_done();
        let target = dir.join(format!("step-{step:08}"));
        let partial = dir.join(format!(".step-{step:08}.partial"));
        retention::remove_if_present(&partial)?;
        let files = snapshot::write_state(&partial, &self.parameters(), self.optimizer())?;
        let state = State {
            format: FORMAT.to_owned(),
            version: VERSION,
            step,
            model: self.identity().model.clone(),
            data: self.identity().data.clone(),
            config: json(self.config())?,
            adapter: json(&self.identity().adapter)?,
            held_out,
            files,
        };
        fs::write_json(partial.join(STATE), "checkpoint", &state)?;
        retention::remove_if_present(&target)?;
        fs::rename(&partial, &target)?;
        Ok(target)
    }

    /// Takes parameters, optimizer state and position from a checkpoint.
    ///
    /// # Errors
    /// [`Error::CheckpointMismatch`] with the field, if it is of another model, data set or configuration;
    /// [`Error::Checkpoint`] if it is damaged. The trainer is then unchanged.
    pub fn resume(&mut self, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = path.as_ref();
        let state = read_state(path)?;
        self.check(path, &state)?;
        let parameters = self.parameters();
        snapshot::restore_state(path, &state.files, &parameters, (self.optimizer_mut(), state.step))
    }

    fn check(&self, path: &Path, state: &State) -> Result<(), Error> {
        let expected = self.identity();
        let hashes =
            [("model", &state.model, &expected.model), ("data", &state.data, &expected.data)];
        for (field, found, expected) in hashes {
            if found != expected {
                return mismatch(path, field, found.to_string(), expected.to_string());
            }
        }
        let adapter = first_difference("adapter", &state.adapter, &json(&expected.adapter)?);
        match first_difference("config", &state.config, &json(self.config())?).or(adapter) {
            None => Ok(()),
            Some((field, found, expected)) => mismatch(path, &field, found, expected),
        }
    }
}

fn json(settings: &impl Serialize) -> Result<serde_json::Value, Error> {
    serde_json::to_value(settings).map_err(|source| {
        thinksafe_core::Error::Serialize { what: "training settings", source }.into()
    })
}

fn read_state(path: &Path) -> Result<State, Error> {
    let state: State = fs::read_json(path.join(STATE), "checkpoint state")?;
    if state.format == FORMAT && state.version == VERSION {
        return Ok(state);
    }
    let State { format, version, .. } = state;
    let reason =
        format!("expected {FORMAT} of version {VERSION}, found {format} version {version}");
    Err(Error::Checkpoint { path: path.to_owned(), reason })
}

/// The error of a checkpoint that is of another run.
///
/// # Errors
/// Always [`Error::CheckpointMismatch`].
pub fn mismatch<T>(path: &Path, field: &str, found: String, expected: String) -> Result<T, Error> {
    Err(Error::CheckpointMismatch {
        path: path.to_owned(),
        field: field.to_owned(),
        found,
        expected,
    })
}

/// The first place where two JSON values differ: its path, which begins with `at`, the left value, the right one.
pub fn first_difference(
    at: &str,
    left: &serde_json::Value,
    right: &serde_json::Value,
) -> Option<(String, String, String)> {
    if left == right {
        return None;
    }
    if let (Some(a), Some(b)) = (left.as_object(), right.as_object()) {
        let null = serde_json::Value::Null;
        let inner = a.keys().chain(b.keys()).find_map(|key| {
            let (a, b) = (a.get(key).unwrap_or(&null), b.get(key).unwrap_or(&null));
            first_difference(&format!("{at}.{key}"), a, b)
        });
        if inner.is_some() {
            return inner;
        }
    }
    Some((at.to_owned(), left.to_string(), right.to_string()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_difference_is_found_by_its_path() {
        let left = json!({"optimizer": {"lr": 0.1, "eps": 1}, "seed": 1});
        let right = json!({"optimizer": {"lr": 0.2, "eps": 1}, "seed": 1});
        let (field, found, expected) = first_difference("config", &left, &right).unwrap();
        assert_eq!([&*field, &*found, &*expected], ["config.optimizer.lr", "0.1", "0.2"]);
        assert_eq!(first_difference("config", &left, &left), None);
        let more = json!({"optimizer": {"lr": 0.1, "eps": 1}, "seed": 1, "new": 2});
        assert_eq!(first_difference("config", &left, &more).unwrap().0, "config.new");
    }
}
