//! Which checkpoints a directory holds, and which of them stay.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::checkpoint;

/// When checkpoints are written, and how many stay.
///
/// There is always one after the last step, after an early end, and after a step in which the run was asked to stop.
/// The newest `keep` stay; with [`HeldOut::keep_best`](crate::HeldOut::keep_best), the best by evaluation does too,
/// beside them if it is not among them. Others are removed once a newer one is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpointing {
    /// Optimizer steps between two checkpoints; 0: only those that there are always.
    pub every_steps: u64,
    /// How many of the newest are kept; at least 1.
    pub keep: usize,
}

impl Default for Checkpointing {
    /// Every 500 steps, keeping 2.
    fn default() -> Self {
        Self { every_steps: 500, keep: 2 }
    }
}

/// The newest checkpoint in a directory, if there is one.
///
/// # Errors
/// [`Error::Core`] if the directory cannot be read.
pub fn latest(dir: impl AsRef<Path>) -> Result<Option<PathBuf>, Error> {
    Ok(all(dir.as_ref())?.pop_last().map(|(_, path)| path))
}

/// The best checkpoint in a directory by evaluation, if the run evaluated and kept it.
///
/// [`Trainer::resume`](crate::Trainer::resume) puts its values into the model.
///
/// # Errors
/// [`Error::Core`] if the directory or the newest checkpoint cannot be read, [`Error::Checkpoint`] if it is damaged.
pub fn best(dir: impl AsRef<Path>) -> Result<Option<PathBuf>, Error> {
    let mut checkpoints = all(dir.as_ref())?;
    let Some((_, newest)) = checkpoints.last_key_value() else { return Ok(None) };
    let best = checkpoint::best(newest)?;
    Ok(best.and_then(|best| checkpoints.remove(&best.step)))
}

/// Removes all checkpoints but the newest `keep` and the best.
///
/// # Errors
/// [`Error::Core`] if one cannot be removed.
pub fn prune(dir: &Path, keep: usize, best: Option<u64>) -> Result<(), Error> {
    let checkpoints = all(dir)?;
    let old = checkpoints.len().saturating_sub(keep.max(1));
    for (step, path) in checkpoints.into_iter().take(old) {
        if best != Some(step) {
            remove_if_present(&path)?;
        }
    }
    Ok(())
}

/// Removes a directory with all that is in it, if it is there.
///
/// # Errors
/// [`Error::Core`] if it cannot be removed.
pub fn remove_if_present(path: &Path) -> Result<(), Error> {
    match std::fs::remove_dir_all(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(thinksafe_core::Error::Io { action: "remove", path: path.to_owned(), source }
                .into())
        }
        _ => Ok(()),
    }
}

/// The checkpoints of a directory by step.
fn all(dir: &Path) -> Result<BTreeMap<u64, PathBuf>, Error> {
    let io = |source| thinksafe_core::Error::Io { action: "read", path: dir.to_owned(), source };
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(io(error).into()),
    };
    let mut found = BTreeMap::new();
    for entry in entries {
        let path = entry.map_err(io)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if let Some(step) = name.strip_prefix("step-").and_then(|step| step.parse().ok()) {
            found.insert(step, path);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let names = all(dir).unwrap().into_values();
        names.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn the_newest_and_the_best_stay_and_partial_ones_do_not_count() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(latest(dir.path().join("absent")).unwrap(), None);
        for name in ["step-00000002", "step-00000010", "step-00000009", ".step-00000011.partial"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        prune(dir.path(), 1, Some(2)).unwrap();
        assert_eq!(names(dir.path()), ["step-00000002", "step-00000010"]);
        prune(dir.path(), 2, Some(10)).unwrap();
        assert_eq!(names(dir.path()), ["step-00000002", "step-00000010"]);
        prune(dir.path(), 0, None).unwrap();
        assert_eq!(names(dir.path()), ["step-00000010"]);
        assert_eq!(latest(dir.path()).unwrap(), Some(dir.path().join("step-00000010")));
    }
}
