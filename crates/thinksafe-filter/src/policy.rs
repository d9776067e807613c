//! Which traces become training data, and why the others do not.

use serde::{Deserialize, Serialize};
use thinksafe_core::trace::Unsplit;
use thinksafe_core::verdict::{Safety, Verdict};
use thinksafe_trace::{Split, TraceOutcome, TraceRecord, Turn};

use crate::error::Error;
use crate::record::VerdictRecord;

/// What a trace must be to be kept. Undetermined and controversial verdicts pass under no policy.
///
/// As in the paper, harmful and benign prompts are filtered alike, by the guard alone: a benign prompt that was
/// refused safely is kept.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Keeps a trace if P(unsafe) is below this, in [0, 1], whatever threshold the guard itself applied. Without it,
    /// and for guards that give no probability, the guard's own verdict decides.
    pub threshold: Option<f64>,
    /// Keeps answers that the token limit cut off, as the reference does once the thinking is closed.
    pub keep_truncated: bool,
    /// Keeps turns without thinking, which the reference drops.
    pub keep_without_thinking: bool,
}

/// Why a trace was dropped, in the order in which the reasons are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DropReason {
    /// The request could not be served.
    RequestFailed,
    /// The thinking was never finished.
    UnclosedThinking,
    /// The thinking marks are out of order.
    OutOfOrder,
    /// The token limit cut the answer off.
    Truncated,
    /// The model did not think.
    NoThinking,
    /// The answer is blank.
    BlankAnswer,
    /// There is no verdict on it.
    NotJudged,
    /// The guard found a violation.
    Unsafe,
    /// The guard had no usable verdict.
    Undetermined,
    /// The guard used its middle value.
    Controversial,
}

impl DropReason {
    /// All reasons, in the order of reports.
    pub const ALL: [Self; 10] = [
        Self::RequestFailed,
        Self::UnclosedThinking,
        Self::OutOfOrder,
        Self::Truncated,
        Self::NoThinking,
        Self::BlankAnswer,
        Self::NotJudged,
        Self::Unsafe,
        Self::Undetermined,
        Self::Controversial,
    ];

    /// Its name in counts and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RequestFailed => "request_failed",
            Self::UnclosedThinking => "unclosed_thinking",
            Self::OutOfOrder => "out_of_order",
            Self::Truncated => "truncated",
            Self::NoThinking => "no_thinking",
            Self::BlankAnswer => "blank_answer",
            Self::NotJudged => "not_judged",
            Self::Unsafe => "unsafe",
            Self::Undetermined => "undetermined",
            Self::Controversial => "controversial",
        }
    }
}

impl Policy {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn validate(&self) -> Result<(), Error> {
        match self.threshold {
            Some(value) if !(0.0..=1.0).contains(&value) => {
                let expected = "at least 0, at most 1";
                Err(Error::Setting { field: "threshold", value, expected })
            }
            _ => Ok(()),
        }
    }

    /// Why a trace is dropped; `None` if it is kept.
    pub fn drop_reason(
        &self,
        trace: &TraceRecord,
        verdict: Option<&VerdictRecord>,
    ) -> Option<DropReason> {
        let turn = match &trace.outcome {
            TraceOutcome::Failed(_) => return Some(DropReason::RequestFailed),
            TraceOutcome::Generated(turn) => turn,
        };
        if let Some(reason) = self.form_reason(turn) {
            return Some(reason);
        }
        match verdict {
            Some(verdict) if verdict.trace == trace.key => self.verdict_reason(verdict),
            _ => Some(DropReason::NotJudged),
        }
    }

    /// What is wrong with the turn whatever it says.
    fn form_reason(&self, turn: &Turn) -> Option<DropReason> {
        let trace = match &turn.split {
            Split::Trace(trace) => trace,
            Split::Unsplit(Unsplit::UnclosedThinking) => return Some(DropReason::UnclosedThinking),
            Split::Unsplit(_) => return Some(DropReason::OutOfOrder),
        };
        if turn.is_truncated() && !self.keep_truncated {
            Some(DropReason::Truncated)
        } else if trace.thinking.is_none() && !self.keep_without_thinking {
            Some(DropReason::NoThinking)
        } else if trace.answer.trim().is_empty() {
            Some(DropReason::BlankAnswer)
        } else {
            None
        }
    }

    /// The worst of the parts: unsafe, then undetermined, then controversial.
    fn verdict_reason(&self, record: &VerdictRecord) -> Option<DropReason> {
        if record.verdicts.is_empty() {
            return Some(DropReason::Undetermined);
        }
        let reason = |verdict: &Verdict| match self.safety(verdict) {
            Safety::Safe => None,
            Safety::Unsafe => Some(DropReason::Unsafe),
            Safety::Undetermined => Some(DropReason::Undetermined),
            Safety::Controversial => Some(DropReason::Controversial),
        };
        record.verdicts.iter().filter_map(|part| reason(&part.verdict)).min()
    }

    fn safety(&self, verdict: &Verdict) -> Safety {
        match (verdict.safety, self.threshold, verdict.p_unsafe) {
            (Safety::Safe | Safety::Unsafe, Some(threshold), Some(p)) => {
                if p.is_nan() {
                    Safety::Undetermined
                } else if p < threshold {
                    Safety::Safe
                } else {
                    Safety::Unsafe
                }
            }
            (safety, _, _) => safety,
        }
    }
}
