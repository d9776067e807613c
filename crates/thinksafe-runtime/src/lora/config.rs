//! The settings of an adapter.

use serde::{Deserialize, Serialize};

use crate::Error;

/// The projections that can carry an adapter.
pub(crate) const TARGETS: [&str; 7] =
    ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];

/// The settings of a LoRA adapter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "plain settings")]
pub struct LoraConfig {
    /// Rank of the update.
    pub rank: u32,
    /// The update is scaled by alpha / rank.
    pub alpha: f64,
    /// Probability of dropping an input of A in training, in [0, 1).
    pub dropout: f64,
    /// Names of the projections adapted, in every layer.
    pub targets: Vec<String>,
}

impl Default for LoraConfig {
    /// The reference training: rank 32, alpha 16, dropout 0.05 on `q_proj` and `v_proj`.
    fn default() -> Self {
        let targets = vec!["q_proj".to_owned(), "v_proj".to_owned()];
        Self { rank: 32, alpha: 16.0, dropout: 0.05, targets }
    }
}

impl LoraConfig {
    /// Checks every setting.
    ///
    /// # Errors
    /// [`Error::AdapterConfig`] with the first setting that is out of range.
    pub fn validate(&self) -> Result<(), Error> {
        self.validate_from("LoraConfig")
    }

    /// As [`Self::validate`]; errors name the file that the settings come from.
    pub(crate) fn validate_from(&self, origin: &str) -> Result<(), Error> {
        let wrong = |field: &str, found: String, expected: &str| {
            Err(Error::AdapterConfig {
                origin: origin.to_owned(),
                field: field.to_owned(),
                found,
                expected: expected.to_owned(),
            })
        };
        if !(1..=1 << 16).contains(&self.rank) {
            return wrong("rank", self.rank.to_string(), "1 to 65536");
        }
        if !(self.alpha.is_finite() && self.alpha > 0.0) {
            return wrong("alpha", self.alpha.to_string(), "a positive number");
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return wrong("dropout", self.dropout.to_string(), "at least 0, below 1");
        }
        if self.targets.is_empty() {
            return wrong("targets", "empty".to_owned(), "at least one projection");
        }
        match self.targets.iter().find(|t| !TARGETS.contains(&t.as_str())) {
            Some(unknown) => wrong("targets", unknown.clone(), &TARGETS.join(", ")),
            None => Ok(()),
        }
    }

    pub(crate) fn scaling(&self) -> f64 {
        self.alpha / f64::from(self.rank)
    }
}
