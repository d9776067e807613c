//! Judging a trace log into a verdict log.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::path::Path;

use serde::Serialize;
use thinksafe_core::hash::ContentHash;
use thinksafe_core::judge::{Exchange, Judge, JudgeIdentity, Judgement};
use thinksafe_core::log::{self, RecordLog};
use thinksafe_core::progress::{OnProgress, Progress};
use thinksafe_core::verdict::Verdict;
use thinksafe_trace::{TraceOutcome, TraceRecord};

use crate::error::Error;
use crate::record::{SegmentVerdict, VerdictRecord};
use crate::view::{Segment, View};

/// What a call of [`judge_traces`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct JudgeCounts {
    /// Traces whose verdict the log already held.
    pub done_before: u64,
    /// Traces judged by this call.
    pub done_now: u64,
    /// Traces not judged because the request had failed.
    pub skipped_failed: u64,
    /// Traces not judged because the turn does not split (unfinished thinking), as in the reference.
    pub skipped_unsplit: u64,
}

/// Judges every trace that the verdict log lacks, and appends its verdicts.
///
/// The judge sees what `view` says, and the prompt without steering. Only traces in flight are held in memory. A call
/// that was interrupted and made again judges exactly what is missing.
///
/// # Errors
/// What reading the trace log, the judge or the verdict log report; [`Error::Unjudged`] if the judge ends without a
/// verdict on each exchange. What was finished is in the log.
pub fn judge_traces<J: Judge + ?Sized>(
    judge: &mut J,
    traces: &Path,
    view: View,
    verdicts: &mut RecordLog<VerdictRecord>,
    progress: OnProgress<'_>,
) -> Result<JudgeCounts, Error> {
    let identity = judge.identity().clone();
    let (mut counts, pending) = survey(traces, &identity, view, verdicts)?;
    let total = counts.done_before + pending.len() as u64;
    tracing::info!(judge = identity.name, pending = pending.len(), "judge");
    let missing = pending.len() as u64;
    let flow = Flow { view, judge: identity, state: RefCell::default() };
    let mut exchanges = log::records::<TraceRecord>(traces)?
        .map_while(|record| flow.readable(record))
        .filter(|record| pending.contains(&record.key))
        .flat_map(|record| flow.depart(&record));
    judge.judge(&mut exchanges, &mut |judgement| {
        if let Some(record) = flow.arrive(judgement)? {
            verdicts.append(&record)?;
            counts.done_now += 1;
            let done = counts.done_before + counts.done_now;
            progress(Progress { phase: "judge", done, total, tokens: 0, note: None });
        }
        Ok(())
    })?;
    drop(exchanges);
    verdicts.sync()?;
    if let Some(error) = flow.state.into_inner().unreadable {
        return Err(error.into());
    }
    if counts.done_now < missing {
        let missing = missing - counts.done_now;
        return Err(Error::Unjudged { judge: flow.judge.name, missing });
    }
    Ok(counts)
}

/// Counts what is done, and lists the keys of the traces to judge.
fn survey(
    traces: &Path,
    judge: &JudgeIdentity,
    view: View,
    verdicts: &RecordLog<VerdictRecord>,
) -> Result<(JudgeCounts, HashSet<ContentHash>), Error> {
    let mut counts = JudgeCounts::default();
    let mut pending = HashSet::new();
    for record in log::records::<TraceRecord>(traces)? {
        let (_, record) = record?;
        if matches!(record.outcome, TraceOutcome::Failed(_)) {
            counts.skipped_failed += 1;
        } else if record.trace().is_none() {
            counts.skipped_unsplit += 1;
        } else if verdicts.contains(&VerdictRecord::key_of(&record.key, judge, view)) {
            counts.done_before += 1;
        } else {
            pending.insert(record.key);
        }
    }
    Ok((counts, pending))
}

/// The traces between the reader and the judge.
struct Flow {
    view: View,
    judge: JudgeIdentity,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    departed: u64,
    in_flight: HashMap<u64, Waiting>,
    unreadable: Option<thinksafe_core::Error>,
}

/// A trace whose parts are being judged.
struct Waiting {
    trace: ContentHash,
    parts: Vec<(Segment, Option<Verdict>)>,
}

/// Exchange ids are trace number times this plus the part's index.
const PARTS: u64 = 2;

impl Flow {
    fn readable(
        &self,
        record: Result<(usize, TraceRecord), thinksafe_core::Error>,
    ) -> Option<TraceRecord> {
        match record {
            Ok((_, record)) => Some(record),
            Err(error) => {
                self.state.borrow_mut().unreadable = Some(error);
                None
            }
        }
    }

    /// The trace's exchanges; it waits for their verdicts from now on.
    fn depart(&self, record: &TraceRecord) -> Vec<Exchange> {
        let mut state = self.state.borrow_mut();
        let number = state.departed;
        state.departed += 1;
        let segments = self.view.segments(record);
        let parts = segments.iter().map(|(segment, _)| (*segment, None)).collect();
        state.in_flight.insert(number, Waiting { trace: record.key.clone(), parts });
        let exchange = |(part, (_, response)): (u64, (Segment, String))| Exchange {
            id: number * PARTS + part,
            prompt: record.prompt.clone(),
            response,
        };
        (0..).zip(segments).map(exchange).collect()
    }

    /// Takes a verdict; gives the trace's record once it was the last one.
    fn arrive(&self, judgement: Judgement) -> Result<Option<VerdictRecord>, thinksafe_core::Error> {
        let mut state = self.state.borrow_mut();
        let (number, part) = (judgement.id / PARTS, (judgement.id % PARTS) as usize);
        let slot = state.in_flight.get_mut(&number).and_then(|waiting| waiting.parts.get_mut(part));
        let Some((_, verdict @ None)) = slot else {
            let reason = format!("judgement on exchange {}, which is not open", judgement.id);
            let engine = self.judge.name.clone();
            return Err(thinksafe_core::Error::Engine { engine, source: reason.into() });
        };
        *verdict = Some(judgement.verdict);
        let complete =
            |waiting: &Waiting| waiting.parts.iter().all(|(_, verdict)| verdict.is_some());
        if !state.in_flight.get(&number).is_some_and(complete) {
            return Ok(None);
        }
        Ok(state.in_flight.remove(&number).map(|waiting| self.record(waiting)))
    }

    fn record(&self, waiting: Waiting) -> VerdictRecord {
        let verdicts = waiting
            .parts
            .into_iter()
            .filter_map(|(segment, verdict)| Some(SegmentVerdict { segment, verdict: verdict? }));
        VerdictRecord {
            key: VerdictRecord::key_of(&waiting.trace, &self.judge, self.view),
            trace: waiting.trace,
            judge: self.judge.clone(),
            view: self.view,
            verdicts: verdicts.collect(),
        }
    }
}

#[cfg(test)]
mod tests;
