//! The settings of an adapter.

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::lora::Targets;

/// The settings of a LoRA adapter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "plain settings")]
pub struct LoraConfig {
    /// Rank of the update.
    pub rank: u32,
    /// The update is scaled by alpha / rank.
    pub alpha: f64,
    /// Whether it is scaled by alpha / sqrt(rank) instead: rank-stabilised LoRA (Kalajdzievski, 2023).
    pub rslora: bool,
    /// Probability of dropping an input of A in training, in [0, 1).
    pub dropout: f64,
    /// The projections that carry an adapter.
    pub targets: Targets,
}

impl Default for LoraConfig {
    /// The reference training: rank 32, alpha 16, dropout 0.05 on `q_proj` and `v_proj`.
    fn default() -> Self {
        let targets = Targets::names(["q_proj", "v_proj"]);
        Self { rank: 32, alpha: 16.0, rslora: false, dropout: 0.05, targets }
    }
}

impl LoraConfig {
    /// Checks every setting. Whether a model has the targets shows when an adapter is attached.
    ///
    /// # Errors
    /// [`Error::AdapterConfig`] with the first setting that is out of range.
    pub fn validate(&self) -> Result<(), Error> {
        self.validate_from("LoraConfig")
    }

    /// As [`Self::validate`]; errors name the file that the settings come from.
    pub(crate) fn validate_from(&self, origin: &str) -> Result<(), Error> {
        if !(1..=1 << 16).contains(&self.rank) {
            return Err(wrong(origin, "rank", self.rank, "1 to 65536"));
        }
        if !(self.alpha.is_finite() && self.alpha > 0.0) {
            return Err(wrong(origin, "alpha", self.alpha, "a positive number"));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(wrong(origin, "dropout", self.dropout, "at least 0, below 1"));
        }
        self.targets.validate(origin)
    }

    pub(crate) fn scaling(&self) -> f64 {
        let rank = f64::from(self.rank);
        self.alpha / if self.rslora { rank.sqrt() } else { rank }
    }
}

/// The error for a setting that comes from `origin`.
pub(crate) fn wrong(
    origin: &str,
    field: &str,
    found: impl std::fmt::Display,
    expected: &str,
) -> Error {
    Error::AdapterConfig {
        origin: origin.to_owned(),
        field: field.to_owned(),
        found: found.to_string(),
        expected: expected.to_owned(),
    }
}
