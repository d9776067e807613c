//! What a guard's middle value counts as.

use serde::{Deserialize, Serialize};
use thinksafe_core::verdict::{Safety, Verdict};

/// What *controversial* counts as.
///
/// Qwen3Guard's report gives results for the strict and for the loose reading; the guard itself has three values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "a middle value goes one way, the other, or stays")]
pub enum Strictness {
    /// It stays a value of its own, which no filter lets pass. P(unsafe) is the probability of not being safe.
    #[default]
    ThreeWay,
    /// Unsafe.
    Strict,
    /// Safe. P(unsafe) is then that of *unsafe* alone.
    Loose,
}

impl Strictness {
    /// The verdict under this reading.
    pub fn apply(self, verdict: Verdict) -> Verdict {
        let safety = match (verdict.safety, self) {
            (Safety::Controversial, Self::Strict) => Safety::Unsafe,
            (Safety::Controversial, Self::Loose) => Safety::Safe,
            (safety, _) => safety,
        };
        Verdict { safety, ..verdict }
    }
}
