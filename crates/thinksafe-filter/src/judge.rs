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
use thinksafe_steering::SteeringPlan;
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
    let flow = Flow::new(view, judge.identity().clone(), None);
    run(judge, traces, flow, verdicts, progress)
}

/// Like [`judge_traces`], but the judge sees each prompt as the model was asked: with its steering.
///
/// The paper judges without; this is for measuring what the difference does. Records carry the identity that
/// [`steered_identity`] gives, so these verdicts are never taken for the others.
///
/// # Errors
/// Those of [`judge_traces`], and [`Error::Steering`] for a trace whose steering is not the plan's.
pub fn judge_traces_as_steered<J: Judge + ?Sized>(
    judge: &mut J,
    traces: &Path,
    view: View,
    plan: &SteeringPlan,
    verdicts: &mut RecordLog<VerdictRecord>,
    progress: OnProgress<'_>,
) -> Result<JudgeCounts, Error> {
    let flow = Flow::new(view, steered_identity(judge.identity()), Some(plan));
    run(judge, traces, flow, verdicts, progress)
}

/// Who judges if prompts are shown with their steering. Which steering that is, is part of each trace's key.
pub fn steered_identity(judge: &JudgeIdentity) -> JudgeIdentity {
    JudgeIdentity {
        name: format!("{}, prompts steered", judge.name),
        hash: ContentHash::of("thinksafe.judge.steered", &judge.hash),
    }
}

fn run<J: Judge + ?Sized>(
    judge: &mut J,
    traces: &Path,
    flow: Flow<'_>,
    verdicts: &mut RecordLog<VerdictRecord>,
    progress: OnProgress<'_>,
) -> Result<JudgeCounts, Error> {
    let (identity, view) = (flow.judge.clone(), flow.view);
    let (mut counts, pending) = survey(traces, &identity, view, verdicts)?;
    let total = counts.done_before + pending.len() as u64;
    tracing::info!(judge = identity.name, pending = pending.len(), "judge");
    let missing = pending.len() as u64;
    let mut exchanges = log::records::<TraceRecord>(traces)?
        .map_while(|record| flow.readable(record))
        .filter(|record| pending.contains(&record.key))
        .map_while(|record| flow.depart(&record))
        .flatten();
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
    if let Some(error) = flow.state.into_inner().broken {
        return Err(error);
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
struct Flow<'p> {
    view: View,
    judge: JudgeIdentity,
    /// What prompts are shown with.
    steering: Option<&'p SteeringPlan>,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    departed: u64,
    in_flight: HashMap<u64, Waiting>,
    broken: Option<Error>,
}

/// A trace whose parts are being judged.
struct Waiting {
    trace: ContentHash,
    parts: Vec<(Segment, Option<Verdict>)>,
}

/// Exchange ids are trace number times this plus the part's index.
const PARTS: u64 = 2;

impl<'p> Flow<'p> {
    fn new(view: View, judge: JudgeIdentity, steering: Option<&'p SteeringPlan>) -> Self {
        Self { view, judge, steering, state: RefCell::default() }
    }

    fn readable(
        &self,
        record: Result<(usize, TraceRecord), thinksafe_core::Error>,
    ) -> Option<TraceRecord> {
        match record {
            Ok((_, record)) => Some(record),
            Err(error) => {
                self.state.borrow_mut().broken = Some(error.into());
                None
            }
        }
    }

    /// The trace's exchanges; it waits for their verdicts from now on. None if the prompt cannot be shown.
    fn depart(&self, record: &TraceRecord) -> Option<Vec<Exchange>> {
        let prompt = match self.prompt(record) {
            Ok(prompt) => prompt,
            Err(error) => {
                self.state.borrow_mut().broken = Some(error);
                return None;
            }
        };
        let mut state = self.state.borrow_mut();
        let number = state.departed;
        state.departed += 1;
        let segments = self.view.segments(record);
        let parts = segments.iter().map(|(segment, _)| (*segment, None)).collect();
        state.in_flight.insert(number, Waiting { trace: record.key.clone(), parts });
        let exchange = |(part, (_, response)): (u64, (Segment, String))| Exchange {
            id: number * PARTS + part,
            prompt: prompt.clone(),
            response,
        };
        Some((0..).zip(segments).map(exchange).collect())
    }

    /// The prompt as the judge is to see it.
    fn prompt(&self, record: &TraceRecord) -> Result<String, Error> {
        let (Some(plan), Some(used)) = (self.steering, &record.steering) else {
            return Ok(record.prompt.clone());
        };
        let template = plan.template(record.label).filter(|template| template.hash() == used.hash);
        let template = template.ok_or_else(|| Error::Steering {
            prompt: record.prompt_id.clone(),
            steering: used.name.clone(),
        })?;
        Ok(template.apply(&record.prompt))
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
