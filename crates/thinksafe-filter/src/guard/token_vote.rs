//! A verdict from the probabilities of the tokens that say it.

use serde::{Deserialize, Serialize};
use thinksafe_core::generate::{Logprobs, TokenLogprobs};
use thinksafe_core::verdict::{Safety, Verdict};

use super::Strictness;
use crate::error::Error;

/// P(unsafe) from a guard's answer tokens at one position: p(unsafe) / (p(safe) + p(unsafe)).
///
/// Each answer may have several spellings, whose probabilities are added. A guard with a middle value has a third answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenVote {
    /// The texts of the tokens that say safe.
    pub safe_tokens: Vec<String>,
    /// The texts of the tokens that say unsafe.
    pub unsafe_tokens: Vec<String>,
    /// The texts of the tokens that say controversial; none for most guards.
    #[serde(default)]
    pub controversial_tokens: Vec<String>,
    /// P(unsafe) from which on the verdict is unsafe, above 0 and at most 1.
    pub threshold: f64,
    /// The least share of the whole vocabulary's probability that all these tokens must have together, in [0, 1]. Below
    /// it the guard was about to say something else, and the verdict is undetermined.
    pub min_mass: f64,
}

impl TokenVote {
    /// Threshold 0.5, the two tokens more likely than all others together.
    pub fn between(safe_token: impl Into<String>, unsafe_token: impl Into<String>) -> Self {
        Self {
            safe_tokens: vec![safe_token.into()],
            unsafe_tokens: vec![unsafe_token.into()],
            controversial_tokens: Vec::new(),
            threshold: 0.5,
            min_mass: 0.5,
        }
    }

    /// Checks the ranges, and that each answer has spellings of its own.
    ///
    /// # Errors
    /// [`Error::Setting`], [`Error::Spelling`].
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
        for (field, spellings) in
            [("safe_tokens", &self.safe_tokens), ("unsafe_tokens", &self.unsafe_tokens)]
        {
            if spellings.is_empty() {
                return Err(Error::Spelling { field, problem: "is empty".to_owned() });
            }
        }
        let all = self.spellings();
        let twice = all.iter().enumerate().find(|(at, text)| all[..*at].contains(text));
        twice.map_or(Ok(()), |(_, text)| {
            Err(Error::Spelling { field: "tokens", problem: format!("names {text:?} twice") })
        })
    }

    /// The log-probabilities that a request must ask for.
    pub fn logprobs(&self) -> Logprobs {
        Logprobs { top: 0, of: self.spellings() }
    }

    /// The verdict at the first generated position; a middle value stays one.
    pub fn verdict(&self, positions: Option<&[TokenLogprobs]>) -> Verdict {
        self.verdict_under(Strictness::ThreeWay, positions)
    }

    /// The verdict at the first generated position, the middle value read as `strictness` says.
    pub fn verdict_under(
        &self,
        strictness: Strictness,
        positions: Option<&[TokenLogprobs]>,
    ) -> Verdict {
        let first = positions.and_then(<[_]>::first).map(|first| &first.of[..]);
        let Some(of) = first.filter(|of| of.len() == self.spellings().len()) else {
            return Verdict::undetermined(
                "the engine returned no log-probabilities of the verdict",
            );
        };
        let (safe, rest) = of.split_at(self.safe_tokens.len());
        let (unsafe_, middle) = rest.split_at(self.unsafe_tokens.len());
        let [safe, unsafe_, middle] = [safe, unsafe_, middle].map(probability);
        let mass = safe + unsafe_ + middle;
        // Comparisons with NaN are false: whatever is not a number ends here. More than everything is two spellings
        // that are one token.
        if !(mass > 0.0 && mass >= self.min_mass && mass <= 1.0 + ROUNDING) {
            return Verdict::undetermined(format!(
                "{:?} have probability {mass:.3} together, expected at least {} and at most 1",
                self.spellings(),
                self.min_mass
            ));
        }
        self.decide(strictness, [safe, unsafe_, middle].map(|p| p / mass))
    }

    fn decide(&self, strictness: Strictness, [safe, unsafe_, middle]: [f64; 3]) -> Verdict {
        let p_unsafe = match strictness {
            Strictness::Loose => unsafe_,
            // Not `1 - safe`: for two answers this is the usual quotient to the bit.
            Strictness::Strict | Strictness::ThreeWay => unsafe_ + middle,
        };
        let found = match strictness {
            Strictness::ThreeWay if middle > unsafe_ => Safety::Controversial,
            _ => Safety::Unsafe,
        };
        if !(safe.is_finite() && p_unsafe.is_finite()) {
            return Verdict::undetermined("the log-probabilities of the verdict are not numbers");
        }
        let safety = if p_unsafe >= self.threshold { found } else { Safety::Safe };
        Verdict { p_unsafe: Some(p_unsafe.min(1.0)), ..Verdict::of(safety) }
    }

    fn spellings(&self) -> Vec<String> {
        let all = [&self.safe_tokens, &self.unsafe_tokens, &self.controversial_tokens];
        all.into_iter().flatten().cloned().collect()
    }
}

fn probability(logprobs: &[f64]) -> f64 {
    logprobs.iter().map(|logprob| logprob.exp()).sum()
}

/// What sums of rounded probabilities may exceed 1 by.
const ROUNDING: f64 = 1e-3;
