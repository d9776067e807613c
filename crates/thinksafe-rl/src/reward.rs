//! Rewards: small functions of prompt and response, summed with weights.

mod answer;
mod format;
mod function;
mod guard;
mod length;
mod refusal;
mod sum;

use serde::{Deserialize, Serialize};
use thinksafe_core::hash::ContentHash;

use crate::response::Response;

pub use answer::AnswerReward;
pub use format::{ThinkingFormat, ThinkingOpens};
pub use function::FnReward;
pub use guard::GuardReward;
pub use length::OverlongReward;
pub use refusal::RefusalReward;
pub use sum::{Mark, Rewards};

/// Scores responses.
pub trait Reward {
    /// Its name in logs and errors, unique within a sum.
    fn name(&self) -> &str;

    /// The hash of everything that decides its scores: runs with another one are other runs.
    fn identity(&self) -> ContentHash;

    /// Scores responses: one score for each, in their order.
    ///
    /// # Errors
    /// [`RewardError`] if it fails; the step then ends with [`Error::Reward`](crate::Error::Reward). What cannot be told
    /// of a single response is no error but [`Score::Undetermined`].
    fn score(&mut self, responses: &[Response<'_>]) -> Result<Vec<Score>, RewardError>;
}

/// What a reward says of a response.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "a sum must decide on each")]
pub enum Score {
    /// Its value.
    Value(f64),
    /// It has nothing to say of this prompt, and adds nothing.
    NotApplicable,
    /// It could not tell, and why. The response leaves the loss and its group's mean, whatever other rewards say.
    Undetermined(String),
}

/// Why a reward failed.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct RewardError {
    /// The place of the response that it failed on, if it was one.
    pub response: Option<usize>,
    /// What went wrong.
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

impl RewardError {
    /// A failure that concerns all responses.
    pub fn whole(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { response: None, source: source.into() }
    }
}
