//! The samples of one prompt, looked at together.

use std::collections::{BTreeSet, HashMap};

use thinksafe_core::hash::ContentHash;

use super::candidate::Candidate;
use crate::policy::{DropReason, Samples};

/// Drops what passes by itself but not beside the other samples of its prompt.
pub(super) fn settle(samples: Samples, candidates: &mut [Candidate]) {
    if samples == Samples::Each {
        return;
    }
    let mut by_prompt: HashMap<ContentHash, Vec<usize>> = HashMap::new();
    for (place, candidate) in candidates.iter().enumerate() {
        by_prompt.entry(candidate.prompt.clone()).or_default().push(place);
    }
    for places in by_prompt.into_values() {
        let verdict = match samples {
            Samples::AllOf { k, .. } => all_of(k, &places, candidates),
            _ => Ok(()),
        };
        let kept = verdict.map(|()| first(samples, &places, candidates));
        for place in places {
            let candidate = &mut candidates[place];
            let reason = match kept {
                Ok(kept) if kept == Some(place) => None,
                Ok(_) => Some(DropReason::AnotherKept),
                Err(reason) => Some(reason),
            };
            candidate.dropped = candidate.dropped.or(reason);
        }
    }
}

/// Whether the first `k` samples of a prompt are there and all pass.
fn all_of(k: u32, places: &[usize], candidates: &[Candidate]) -> Result<(), DropReason> {
    let counted: Vec<&Candidate> =
        places.iter().map(|place| &candidates[*place]).filter(|c| c.sample_index < k).collect();
    if counted.iter().any(|candidate| !candidate.passes()) {
        return Err(DropReason::AnotherDropped);
    }
    let indices: BTreeSet<u32> = counted.iter().map(|candidate| candidate.sample_index).collect();
    if indices.len() < k as usize { Err(DropReason::TooFewSamples) } else { Ok(()) }
}

/// The passing sample of the lowest index that may be kept; of equals, which only several runs in one log have, the first.
fn first(samples: Samples, places: &[usize], candidates: &[Candidate]) -> Option<usize> {
    let may_be_kept = |place: &usize| {
        let candidate = &candidates[*place];
        candidate.passes() && samples.is_candidate(&candidate.prompt, candidate.sample_index)
    };
    places.iter().copied().filter(may_be_kept).min_by_key(|place| candidates[*place].sample_index)
}
