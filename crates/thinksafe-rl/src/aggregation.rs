//! From the losses of tokens to the loss of a step.

use serde::{Deserialize, Serialize};

/// How the losses of tokens become one number. The names are those of TRL's `loss_type`.
///
/// Everything is counted over the responses that are in the loss of the whole step, however it is cut into micro-batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "the field's three choices")]
pub enum Aggregation {
    /// The mean over a response's tokens, then over responses: tokens of long responses count less.
    Grpo,
    /// The mean over all tokens (DAPO's token-level loss; TRL's `bnpo` is the same within a micro-batch).
    Dapo,
    /// The sum over tokens, divided by the number of responses times the most tokens that a response may have: no token's
    /// weight depends on a length (Dr. GRPO; Liu et al., 2025).
    DrGrpo,
}

/// What a step's denominators are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "plain numbers")]
pub struct Totals {
    /// Responses in the loss.
    pub responses: usize,
    /// Their tokens.
    pub tokens: usize,
    /// The most tokens that a response may have.
    pub longest: usize,
}

impl Aggregation {
    /// The weight of each token of a response with so many.
    ///
    /// ```
    /// use thinksafe_rl::{Aggregation, Totals};
    ///
    /// let totals = Totals { responses: 2, tokens: 10, longest: 20 };
    /// assert_eq!(Aggregation::Grpo.token_weight(4, totals), 1.0 / 8.0);
    /// assert_eq!(Aggregation::Dapo.token_weight(4, totals), 1.0 / 10.0);
    /// assert_eq!(Aggregation::DrGrpo.token_weight(4, totals), 1.0 / 40.0);
    /// ```
    pub fn token_weight(self, tokens: usize, totals: Totals) -> f64 {
        let denominator = match self {
            Self::Grpo => tokens * totals.responses,
            Self::Dapo => totals.tokens,
            Self::DrGrpo => totals.responses * totals.longest,
        };
        1.0 / denominator.max(1) as f64
    }
}
