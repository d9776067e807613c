//! Selection: traces and verdicts in, training examples and counted drops out.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use serde::Serialize;
use thinksafe_core::hash::ContentHash;
use thinksafe_core::judge::JudgeIdentity;
use thinksafe_core::log;
use thinksafe_core::prompt::PromptLabel;
use thinksafe_core::verdict::Safety;
use thinksafe_trace::{SteeringUsed, TraceRecord};

use crate::dataset::{Dataset, DatasetRow, Provenance};
use crate::error::Error;
use crate::policy::{DropReason, Policy};
use crate::record::VerdictRecord;
use crate::view::View;

/// The verdicts of one judge under one view, by the key of their trace.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdicts {
    judge: JudgeIdentity,
    view: View,
    by_trace: HashMap<ContentHash, VerdictRecord>,
}

impl Verdicts {
    /// Reads them from a verdict log, leaving out those of other judges and views.
    ///
    /// # Errors
    /// As [`log::read`].
    pub fn read(path: &Path, judge: &JudgeIdentity, view: View) -> Result<Self, Error> {
        let mut verdicts = Self { judge: judge.clone(), view, by_trace: HashMap::new() };
        log::scan(path, |_, record: VerdictRecord| {
            if record.judge.hash == judge.hash && record.view == view {
                verdicts.by_trace.insert(record.trace.clone(), record);
            }
            Ok(())
        })?;
        Ok(verdicts)
    }

    /// The verdict on a trace.
    pub fn of(&self, trace: &ContentHash) -> Option<&VerdictRecord> {
        self.by_trace.get(trace)
    }
}

/// What became of the traces of one label.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LabelCounts {
    /// Traces that went in.
    pub input: u64,
    /// Traces kept.
    pub kept: u64,
    /// Traces dropped, by reason; kept and dropped add up to the input.
    pub dropped: BTreeMap<DropReason, u64>,
}

/// A selection's result.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Selection {
    /// The examples kept, in the order of the traces.
    pub rows: Vec<DatasetRow>,
    /// The traces dropped, in their order: key and reason.
    pub dropped: Vec<(ContentHash, DropReason)>,
    /// Counts by label.
    pub counts: BTreeMap<PromptLabel, LabelCounts>,
    /// What the traces were made with.
    pub origins: Origins,
    /// The policy applied.
    pub policy: Policy,
}

/// What a selection's traces were made with, for the dataset card.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Origins {
    /// The models that wrote them: name, and hash of the identity.
    pub models: BTreeSet<(String, ContentHash)>,
    /// The steering by label; labels that are not there were not steered.
    pub steering: BTreeSet<(PromptLabel, SteeringUsed)>,
    /// The sampling settings, as JSON.
    pub sampling: BTreeSet<String>,
    /// The judge.
    pub judge: JudgeIdentity,
    /// What the judge saw.
    pub view: View,
}

/// Applies a policy to traces and their verdicts. A trace without a verdict is dropped.
///
/// # Errors
/// [`Error::Setting`] if the policy is out of range, or the first error among the traces.
pub fn select(
    traces: impl IntoIterator<Item = Result<TraceRecord, thinksafe_core::Error>>,
    verdicts: &Verdicts,
    policy: &Policy,
) -> Result<Selection, Error> {
    policy.validate()?;
    let mut selection = Selection::empty(verdicts, policy);
    for trace in traces {
        selection.add(&trace?, verdicts);
    }
    Ok(selection)
}

/// [`select`] on the logs of a run directory.
///
/// # Errors
/// As [`select`], or what reading the logs reports.
pub fn select_from_logs(
    traces: &Path,
    verdicts: &Verdicts,
    policy: &Policy,
) -> Result<Selection, Error> {
    let records = log::records::<TraceRecord>(traces)?;
    select(records.map(|record| record.map(|(_, record)| record)), verdicts, policy)
}

impl Selection {
    fn empty(verdicts: &Verdicts, policy: &Policy) -> Self {
        let origins = Origins {
            models: BTreeSet::new(),
            steering: BTreeSet::new(),
            sampling: BTreeSet::new(),
            judge: verdicts.judge.clone(),
            view: verdicts.view,
        };
        Self {
            rows: Vec::new(),
            dropped: Vec::new(),
            counts: BTreeMap::new(),
            origins,
            policy: policy.clone(),
        }
    }

    fn add(&mut self, trace: &TraceRecord, verdicts: &Verdicts) {
        self.origins.add(trace);
        let counts = self.counts.entry(trace.label).or_default();
        counts.input += 1;
        let verdict = verdicts.of(&trace.key);
        let reason = self.policy.drop_reason(trace, verdict);
        match (reason, verdict.and_then(|verdict| row(trace, verdict))) {
            (None, Some(row)) => {
                counts.kept += 1;
                self.rows.push(row);
            }
            (reason, _) => {
                let reason = reason.unwrap_or(DropReason::NotJudged);
                *counts.dropped.entry(reason).or_default() += 1;
                self.dropped.push((trace.key.clone(), reason));
            }
        }
    }

    /// The dataset, ordered by prompt id and sample index: a resumed run, whose log is in another order, gives the
    /// same dataset as an undisturbed one.
    pub fn into_dataset(mut self) -> Dataset {
        let place = |row: &DatasetRow| {
            row.provenance.as_ref().map(|p| (p.prompt_id.clone(), p.sample_index, p.trace.clone()))
        };
        self.rows.sort_by_cached_key(place);
        Dataset::new(self.rows)
    }

    /// Input and kept of the harmful or of the benign labels together.
    pub fn totals(&self, harmful: bool) -> LabelCounts {
        let mut total = LabelCounts::default();
        for (_, counts) in self.counts.iter().filter(|(label, _)| label.is_harmful() == harmful) {
            total.input += counts.input;
            total.kept += counts.kept;
            for (reason, dropped) in &counts.dropped {
                *total.dropped.entry(*reason).or_default() += dropped;
            }
        }
        total
    }
}

impl Origins {
    fn add(&mut self, trace: &TraceRecord) {
        self.models.insert((trace.identity.model.clone(), trace.identity.hash()));
        if let Some(steering) = &trace.steering {
            self.steering.insert((trace.label, steering.clone()));
        }
        // Writing plain numbers and texts as JSON does not fail.
        self.sampling.extend(serde_json::to_string(&trace.sampling).ok());
    }
}

/// The training example of a kept trace; `None` if there is no trace, which no policy keeps.
fn row(trace: &TraceRecord, verdict: &VerdictRecord) -> Option<DatasetRow> {
    let (turn, parts) = (trace.turn()?, trace.trace()?);
    let p_unsafe = verdict.verdicts.iter().filter_map(|part| part.verdict.p_unsafe);
    Some(DatasetRow {
        version: DatasetRow::VERSION,
        instruction: trace.prompt.clone(),
        response: turn.whole(),
        thinking: parts.thinking.clone(),
        answer: parts.answer.clone(),
        prompt_label: trace.label,
        response_label: Safety::Safe,
        provenance: Some(Provenance {
            trace: trace.key.clone(),
            verdict: verdict.key.clone(),
            prompt_id: trace.prompt_id.clone(),
            sample_index: trace.sample_index,
            seed: trace.seed,
            steering: trace.steering.clone(),
            model: trace.identity.model.clone(),
            generator: trace.identity.hash(),
            guard: verdict.judge.clone(),
            view: verdict.view,
            p_unsafe: p_unsafe.reduce(f64::max),
        }),
    })
}

#[cfg(test)]
mod tests;
