//! Generation shared out over ranks: one log from theirs.

use std::path::{Path, PathBuf};

use thinksafe_core::fs;
use thinksafe_core::generate::Identity;
use thinksafe_core::log::{LogIndex, RecordLog};

use crate::error::Error;
use crate::generate::{Plan, TraceSettings};
use crate::prompt_set::PromptSet;
use crate::record::TraceRecord;

/// Writes the log of a run from those of its ranks, each of which went over its [`share`](PromptSet::share) of
/// `prompts` with these settings and a model of this identity, and returns how many records it has.
///
/// Records are in the order of the prompts and of their samples, so that the file's bytes do not depend on the number of
/// ranks, nor on which sample was finished first. They are those of the run, and no others that the ranks' logs may hold.
/// A log at `path` is replaced as one step; the ranks' logs stay. Records are held one at a time.
///
/// # Errors
/// [`Error::Unfinished`] if a sample is in none of the logs, and what reading and writing them reports; `path` is then
/// as it was.
pub fn merge_traces(
    ranks: &[PathBuf],
    prompts: &PromptSet,
    settings: &TraceSettings,
    identity: &Identity,
    path: &Path,
) -> Result<u64, Error> {
    settings.validate()?;
    let plan = Plan { prompts: prompts.prompts(), settings, identity: identity.clone() };
    let mut logs = Logs::open(ranks)?;
    let missing = (0..plan.total()).filter(|id| !logs.contain(&plan, *id)).count() as u64;
    if missing > 0 {
        return Err(Error::Unfinished { missing, total: plan.total() });
    }
    let unnamed = path.with_extension("jsonl.merging");
    // What a merge left that was interrupted.
    fs::remove_file_if_exists(&unnamed)?;
    let mut merged = RecordLog::open(&unnamed)?;
    for id in 0..plan.total() {
        if let Some(record) = logs.get(&plan, id)? {
            merged.append(&record)?;
        }
    }
    merged.sync()?;
    fs::rename(&unnamed, path)?;
    tracing::info!(path = %path.display(), records = merged.len(), "merged the ranks' traces");
    Ok(plan.total())
}

/// The ranks' logs.
struct Logs(Vec<LogIndex<TraceRecord>>);

impl Logs {
    fn open(paths: &[PathBuf]) -> Result<Self, Error> {
        let logs: Result<_, _> = paths.iter().map(|path| LogIndex::open(path)).collect();
        Ok(Self(logs?))
    }

    fn contain(&self, plan: &Plan<'_>, id: u64) -> bool {
        let key = plan.key(id);
        self.0.iter().any(|log| log.contains(&key))
    }

    fn get(&mut self, plan: &Plan<'_>, id: u64) -> Result<Option<TraceRecord>, Error> {
        let key = plan.key(id);
        let log = self.0.iter_mut().find(|log| log.contains(&key));
        Ok(log.map(|log| log.get(&key)).transpose()?.flatten())
    }
}

#[cfg(test)]
mod tests;
