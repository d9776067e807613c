//! Checkpoints: directories that appear whole or not at all, and that only the same run can go on from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use thinksafe_core::fs;
use thinksafe_core::hash::ContentHash;
use thinksafe_sft::resumable;

use crate::Error;
use crate::trainer::{GrpoTrainer, Position, RunIdentity};

const FORMAT: &str = "thinksafe.rl.checkpoint";
const VERSION: u32 = 1;
const STATE: &str = "state.json";

/// What a checkpoint says about itself.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    format: String,
    version: u32,
    step: u64,
    visits: u64,
    rollouts: u64,
    updates: u64,
    /// Everything that must agree: settings, and the hashes of what they are applied to.
    run: Value,
    /// The hash of each file's content.
    files: BTreeMap<String, ContentHash>,
}

/// The settings of the run that a checkpoint is of.
pub(crate) fn settings(path: &Path) -> Result<Value, Error> {
    Ok(read_state(path)?.run)
}

impl GrpoTrainer<'_> {
    /// Writes a checkpoint `step-N` into a directory and removes all but the newest `keep`.
    ///
    /// It is written under another name, synced and renamed: a killed process leaves no half of one.
    ///
    /// # Errors
    /// [`Error::Core`] or [`Error::Training`] if a file cannot be written.
    pub fn save_checkpoint(&self, dir: impl AsRef<Path>, keep: usize) -> Result<PathBuf, Error> {
        let dir = dir.as_ref();
        let Position { steps, visits, rollouts } = self.position;
        let target = dir.join(format!("step-{steps:08}"));
        let partial = dir.join(format!(".step-{steps:08}.partial"));
        resumable::remove_if_present(&partial)?;
        let files = resumable::write_state(&partial, &self.parameters(), &self.optimizer)?;
        let state = State {
            format: FORMAT.to_owned(),
            version: VERSION,
            step: steps,
            visits,
            rollouts,
            updates: self.optimizer.steps(),
            run: self.run(),
            files,
        };
        fs::write_json(partial.join(STATE), "checkpoint", &state)?;
        resumable::remove_if_present(&target)?;
        fs::rename(&partial, &target)?;
        resumable::prune(dir, keep, None)?;
        Ok(target)
    }

    /// Takes parameters, optimizer state and position from a checkpoint.
    ///
    /// # Errors
    /// [`Error::Training`] with the field, if it is of another model, set of prompts, sum of rewards or configuration, or if a
    /// file is damaged; [`Error::Checkpoint`] if it is of another format. The trainer is then unchanged.
    pub fn resume(&mut self, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = path.as_ref();
        let State { step, visits, rollouts, updates, run, files, .. } = read_state(path)?;
        if let Some((field, found, expected)) =
            resumable::first_difference("run", &run, &self.run())
        {
            return Ok(resumable::mismatch(path, &field, found, expected)?);
        }
        let parameters = self.parameters();
        self.generator.adapted_model_mut();
        let optimizer = (&mut self.optimizer, updates);
        resumable::restore_state(path, &files, &parameters, optimizer)?;
        self.position = Position { steps: step, visits, rollouts };
        Ok(())
    }

    fn run(&self) -> Value {
        let RunIdentity { model, template, prompts, rewards, adapter } = &self.identity;
        json!({
            "model": model,
            "template": template,
            "prompts": prompts,
            "rewards": rewards,
            "adapter": adapter,
            "config": self.config,
        })
    }
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
