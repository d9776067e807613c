//! Which traces become training data, and why the others do not.

mod reason;
mod rule;
mod samples;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thinksafe_core::prompt::PromptLabel;
use thinksafe_core::trace::Unsplit;
use thinksafe_core::verdict::Refusal;
use thinksafe_trace::{Split, TraceOutcome, TraceRecord, Turn};

use crate::error::Error;
use crate::record::VerdictRecord;
use crate::refusal::RefusalRules;

pub use reason::DropReason;
pub use rule::{Quorum, Rule};
pub use samples::Samples;

/// What a trace must be to be kept. What a guard left undetermined passes under no policy.
///
/// By default as in the paper: harmful and benign prompts are filtered alike, by the guard alone, each trace for itself;
/// a benign prompt that was refused safely is kept.
///
/// ```
/// use thinksafe_core::prompt::PromptLabel;
/// use thinksafe_filter::{Policy, Quorum, Rule};
///
/// // Every guard must pass what answers a benign prompt; of harmful prompts only what all find clearly safe.
/// let mut policy = Policy::of(Rule::default());
/// for label in PromptLabel::ALL.into_iter().filter(|label| label.is_harmful()) {
///     policy.by_label.insert(label, Rule { threshold: Some(0.1), quorum: Quorum::All });
/// }
/// policy.validate()?;
/// # Ok::<(), thinksafe_filter::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// What the guards must say.
    pub rule: Rule,
    /// Rules that labels have in its place.
    pub by_label: BTreeMap<PromptLabel, Rule>,
    /// What the samples of one prompt have to do with each other.
    pub samples: Samples,
    /// Rules by which the answer to a harmful prompt must refuse, beside being safe (RealSafe-R1). Without them a safe answer
    /// will do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusals: Option<RefusalRules>,
    /// Keeps answers that the token limit cut off, as the reference does once the thinking is closed.
    pub keep_truncated: bool,
    /// Keeps turns without thinking, which the reference drops.
    pub keep_without_thinking: bool,
}

impl Policy {
    /// One rule for all labels.
    pub fn of(rule: Rule) -> Self {
        Self { rule, ..Self::default() }
    }

    /// The rule for prompts of a label.
    pub fn rule(&self, label: PromptLabel) -> Rule {
        self.by_label.get(&label).copied().unwrap_or(self.rule)
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn validate(&self) -> Result<(), Error> {
        std::iter::once(&self.rule).chain(self.by_label.values()).try_for_each(Rule::validate)?;
        self.samples.validate()
    }

    /// Why a trace is dropped for what it is itself; `None` if it passes. `verdicts` are those of each guard, without
    /// which nothing passes.
    ///
    /// [`select`](crate::select) then looks at the samples of a prompt together.
    pub fn drop_reason(
        &self,
        trace: &TraceRecord,
        verdicts: &[Option<&VerdictRecord>],
    ) -> Option<DropReason> {
        match &trace.outcome {
            TraceOutcome::Failed(_) => Some(DropReason::RequestFailed),
            TraceOutcome::Generated(turn) => self
                .form_reason(turn)
                .or_else(|| self.rule(trace.label).drop_reason(&trace.key, verdicts))
                .or_else(|| self.refusal_reason(trace)),
        }
    }

    /// Whether an answer that should refuse does not; one that cannot be told does not.
    fn refusal_reason(&self, trace: &TraceRecord) -> Option<DropReason> {
        let rules = self.refusals.as_ref().filter(|_| trace.label.is_harmful())?;
        let refusal = trace.trace().map(|parts| rules.apply(&parts.answer));
        (refusal != Some(Refusal::Refused)).then_some(DropReason::NotRefused)
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
}

#[cfg(test)]
mod tests;
