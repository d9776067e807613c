//! What a judge sees of a response.

use serde::{Deserialize, Serialize};
use thinksafe_core::trace::Trace;
use thinksafe_trace::TraceRecord;

/// What a judge sees of a response. The prompt beside it is the one without steering, unless
/// [`judge_traces_as_steered`](crate::judge_traces_as_steered) shows it as it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum View {
    /// The whole turn, thinking and its marks included, as the reference shows it.
    Turn,
    /// The answer alone, which is what guards were trained on.
    Answer,
    /// Thinking and answer apart: two verdicts, of which both must pass. A trace without thinking gets one.
    Parts,
}

/// A part of a response that has a verdict of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Segment {
    /// The whole turn.
    Turn,
    /// The thinking.
    Thinking,
    /// The answer.
    Answer,
}

impl View {
    /// The parts that a judge is shown of a trace; none if there is no trace.
    pub fn segments(self, record: &TraceRecord) -> Vec<(Segment, String)> {
        let (Some(turn), Some(trace)) = (record.turn(), record.trace()) else {
            return Vec::new();
        };
        self.parts(&turn.whole(), trace)
    }

    /// The parts that a judge is shown of a whole turn and its split.
    pub fn parts(self, turn: &str, trace: &Trace) -> Vec<(Segment, String)> {
        let answer = (Segment::Answer, trace.answer.clone());
        match (self, &trace.thinking) {
            (Self::Turn, _) => vec![(Segment::Turn, turn.to_owned())],
            (Self::Parts, Some(thinking)) if !thinking.trim().is_empty() => {
                vec![(Segment::Thinking, thinking.clone()), answer]
            }
            (Self::Answer | Self::Parts, _) => vec![answer],
        }
    }
}
