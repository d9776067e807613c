//! Why traces are dropped.

use serde::{Deserialize, Serialize};

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
    /// A guard has no verdict on it.
    NotJudged,
    /// A guard found a violation.
    Unsafe,
    /// A guard had no usable verdict.
    Undetermined,
    /// A guard used its middle value.
    Controversial,
    /// It passed the guards, but the policy wants refusals, and it is none by the rules.
    NotRefused,
    /// It passed, but its prompt has fewer samples than the policy asks for.
    TooFewSamples,
    /// It passed, but another sample of its prompt did not.
    AnotherDropped,
    /// It passed, but another sample of its prompt was kept.
    AnotherKept,
}

impl DropReason {
    /// All reasons, in the order of reports.
    pub const ALL: [Self; 14] = [
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
        Self::NotRefused,
        Self::TooFewSamples,
        Self::AnotherDropped,
        Self::AnotherKept,
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
            Self::NotRefused => "not_refused",
            Self::TooFewSamples => "too_few_samples",
            Self::AnotherDropped => "another_dropped",
            Self::AnotherKept => "another_kept",
        }
    }
}
