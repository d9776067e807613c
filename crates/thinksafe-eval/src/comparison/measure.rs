//! What of an arm is compared.

use serde::{Deserialize, Serialize};

use crate::score::Aspect;

/// A number that every arm has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Measure {
    /// A column, by its place in the table.
    Column(usize),
    /// The mean of the columns of harm.
    Harm,
    /// The mean of the columns of over-refusal.
    OverRefusal,
    /// The paper's safety average: the mean of the columns of harm and over-refusal; less is better.
    Safety,
    /// The mean of the columns of reasoning.
    Reasoning,
    /// The logarithm of the perplexity of the training examples under the initial model, in nats a token.
    LogPerplexity,
}

impl Measure {
    /// Whether a column belongs to it.
    pub(super) fn takes(self, place: usize, aspect: Aspect) -> bool {
        match self {
            Self::Column(wanted) => place == wanted,
            Self::Harm => aspect == Aspect::Harm,
            Self::OverRefusal => aspect == Aspect::OverRefusal,
            Self::Safety => matches!(aspect, Aspect::Harm | Aspect::OverRefusal),
            Self::Reasoning => aspect == Aspect::Reasoning,
            Self::LogPerplexity => false,
        }
    }

    /// Its name for people.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Column(_) => "a column",
            Self::Harm => "harmful",
            Self::OverRefusal => "refused",
            Self::Safety => "safety average",
            Self::Reasoning => "reasoning",
            Self::LogPerplexity => "log-perplexity",
        }
    }

    /// Whether it is a share, which is shown in percent.
    pub(super) fn is_share(self) -> bool {
        self != Self::LogPerplexity
    }
}
