//! Selection: traces and verdicts in, training examples and counted drops out.

mod candidate;
mod samples;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use serde::Serialize;
use thinksafe_core::hash::ContentHash;
use thinksafe_core::judge::JudgeIdentity;
use thinksafe_core::log;
use thinksafe_core::prompt::PromptLabel;
use thinksafe_trace::{SteeringUsed, TraceRecord};

use crate::dataset::{Dataset, DatasetRow};
use crate::error::Error;
use crate::policy::{DropReason, Policy};
use crate::record::VerdictRecord;
use crate::view::View;

use candidate::Candidate;

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
    /// Prompts that these traces are samples of.
    pub prompts: u64,
    /// Prompts of which a sample was kept. The paper's removal rates are the share of the others.
    pub prompts_kept: u64,
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
    /// The guards, and what each saw.
    pub guards: Vec<(JudgeIdentity, View)>,
}

/// Applies a policy to traces and the verdicts of one or several guards on them. A trace that one of them did not judge
/// is dropped.
///
/// Of the traces only those that may be kept are held in memory.
///
/// # Errors
/// [`Error::NoGuard`]; [`Error::Setting`] if the policy is out of range; or the first error among the traces.
pub fn select(
    traces: impl IntoIterator<Item = Result<TraceRecord, thinksafe_core::Error>>,
    guards: &[Verdicts],
    policy: &Policy,
) -> Result<Selection, Error> {
    policy.validate()?;
    if guards.is_empty() {
        return Err(Error::NoGuard);
    }
    let mut selection = Selection::empty(guards, policy);
    let mut candidates = Vec::new();
    for trace in traces {
        let trace = trace?;
        selection.origins.add(&trace);
        let verdicts: Vec<_> = guards.iter().map(|verdicts| verdicts.of(&trace.key)).collect();
        candidates.push(Candidate::new(&trace, &verdicts, policy));
    }
    samples::settle(policy.samples, &mut candidates);
    selection.count_prompts(&candidates);
    for candidate in candidates {
        selection.add(candidate);
    }
    Ok(selection)
}

/// [`select`] on the logs of a run directory.
///
/// # Errors
/// As [`select`], or what reading the logs reports.
pub fn select_from_logs(
    traces: &Path,
    guards: &[Verdicts],
    policy: &Policy,
) -> Result<Selection, Error> {
    let records = log::records::<TraceRecord>(traces)?;
    select(records.map(|record| record.map(|(_, record)| record)), guards, policy)
}

impl Selection {
    fn empty(guards: &[Verdicts], policy: &Policy) -> Self {
        let origins = Origins {
            models: BTreeSet::new(),
            steering: BTreeSet::new(),
            sampling: BTreeSet::new(),
            guards: guards.iter().map(|verdicts| (verdicts.judge.clone(), verdicts.view)).collect(),
        };
        Self {
            rows: Vec::new(),
            dropped: Vec::new(),
            counts: BTreeMap::new(),
            origins,
            policy: policy.clone(),
        }
    }

    fn add(&mut self, candidate: Candidate) {
        let counts = self.counts.entry(candidate.label).or_default();
        counts.input += 1;
        match candidate.outcome() {
            Ok(row) => {
                counts.kept += 1;
                self.rows.push(row);
            }
            Err((trace, reason)) => {
                *counts.dropped.entry(reason).or_default() += 1;
                self.dropped.push((trace, reason));
            }
        }
    }

    fn count_prompts(&mut self, candidates: &[Candidate]) {
        let mut kept: HashMap<&ContentHash, (PromptLabel, bool)> = HashMap::new();
        for candidate in candidates {
            let entry = kept.entry(&candidate.prompt).or_insert((candidate.label, false));
            entry.1 |= candidate.passes();
        }
        for (label, kept) in kept.into_values() {
            let counts = self.counts.entry(label).or_default();
            counts.prompts += 1;
            counts.prompts_kept += u64::from(kept);
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

    /// The counts of the harmful or of the benign labels together.
    pub fn totals(&self, harmful: bool) -> LabelCounts {
        let mut total = LabelCounts::default();
        for (_, counts) in self.counts.iter().filter(|(label, _)| label.is_harmful() == harmful) {
            total.input += counts.input;
            total.kept += counts.kept;
            total.prompts += counts.prompts;
            total.prompts_kept += counts.prompts_kept;
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

#[cfg(test)]
mod tests;
