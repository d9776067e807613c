//! What the samples of one prompt have to do with each other.

use serde::{Deserialize, Serialize};
use thinksafe_core::hash::ContentHash;
use thinksafe_core::seed::Seed;

use crate::error::Error;

/// Which of a prompt's samples are kept, of those that pass by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Samples {
    /// All of them.
    #[default]
    Each,
    /// The one of the lowest index.
    First,
    /// One of the first `k`, if all `k` pass; none otherwise. As `SafeChain` (arXiv 2502.12025) does with k = 5.
    AllOf {
        /// How many samples, at least 1. A prompt with fewer has none kept.
        k: u32,
        /// What the draw of the one is keyed by, besides the prompt.
        seed: Seed,
    },
}

impl Samples {
    pub(super) fn validate(self) -> Result<(), Error> {
        match self {
            Self::AllOf { k: 0, .. } => {
                Err(Error::Setting { field: "samples.k", value: 0.0, expected: "at least 1" })
            }
            _ => Ok(()),
        }
    }

    /// Whether this sample is the one that is kept, should the others allow it.
    pub(crate) fn is_candidate(self, prompt: &ContentHash, sample_index: u32) -> bool {
        match self {
            Self::Each | Self::First => true,
            Self::AllOf { k, seed } => sample_index == drawn(prompt, k, seed),
        }
    }
}

/// The index of the sample that is kept if all pass: known beforehand, so that the others need not be held.
fn drawn(prompt: &ContentHash, k: u32, seed: Seed) -> u32 {
    let draw = seed.purpose("thinksafe.all-of").sample(prompt, 0).uniform(0);
    (draw * f64::from(k)) as u32
}
