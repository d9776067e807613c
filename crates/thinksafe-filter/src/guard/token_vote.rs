//! A verdict from the probabilities of two tokens.

use serde::{Deserialize, Serialize};
use thinksafe_core::generate::{Logprobs, TokenLogprobs};
use thinksafe_core::verdict::{Safety, Verdict};

use crate::error::Error;

/// P(unsafe) from a guard's two answer tokens at one position: p(unsafe) / (p(safe) + p(unsafe)).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenVote {
    /// The text of the token that says safe.
    pub safe_token: String,
    /// The text of the token that says unsafe.
    pub unsafe_token: String,
    /// P(unsafe) from which on the verdict is unsafe, above 0 and at most 1.
    pub threshold: f64,
    /// The least share of the whole vocabulary's probability that the two tokens must have together, in [0, 1]. Below
    /// it the guard was about to say something else, and the verdict is undetermined.
    pub min_mass: f64,
}

impl TokenVote {
    /// Threshold 0.5, the two tokens more likely than all others together.
    pub fn between(safe_token: impl Into<String>, unsafe_token: impl Into<String>) -> Self {
        Self {
            safe_token: safe_token.into(),
            unsafe_token: unsafe_token.into(),
            threshold: 0.5,
            min_mass: 0.5,
        }
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn validate(&self) -> Result<(), Error> {
        let (threshold, min_mass) = (self.threshold, self.min_mass);
        if !(threshold > 0.0 && threshold <= 1.0) {
            let expected = "above 0, at most 1";
            return Err(Error::Setting { field: "threshold", value: threshold, expected });
        }
        if !(0.0..=1.0).contains(&min_mass) {
            let expected = "at least 0, at most 1";
            return Err(Error::Setting { field: "min_mass", value: min_mass, expected });
        }
        Ok(())
    }

    /// The log-probabilities that a request must ask for.
    pub fn logprobs(&self) -> Logprobs {
        Logprobs { top: 0, of: vec![self.safe_token.clone(), self.unsafe_token.clone()] }
    }

    /// The verdict at the first generated position.
    pub fn verdict(&self, positions: Option<&[TokenLogprobs]>) -> Verdict {
        let Some([safe, unsafe_]) = positions.and_then(<[_]>::first).map(|first| &first.of[..])
        else {
            return Verdict::undetermined(
                "the engine returned no log-probabilities of the verdict",
            );
        };
        let (p_safe, p_unsafe) = (safe.exp(), unsafe_.exp());
        let mass = p_safe + p_unsafe;
        let share = p_unsafe / mass;
        // Comparisons with NaN are false: whatever is not a number ends here.
        if !(mass >= self.min_mass && (0.0..=1.0).contains(&share)) {
            let (safe, unsafe_) = (&self.safe_token, &self.unsafe_token);
            return Verdict::undetermined(format!(
                "`{safe}` and `{unsafe_}` have probability {mass:.3} together, expected at least {}",
                self.min_mass
            ));
        }
        let safety = if share >= self.threshold { Safety::Unsafe } else { Safety::Safe };
        Verdict { p_unsafe: Some(share), ..Verdict::of(safety) }
    }
}
