//! A reward of one's own, as a closure.

use thinksafe_core::hash::ContentHash;

use crate::response::Response;
use crate::reward::{Reward, RewardError, Score};

/// A reward that scores each response by itself.
///
/// ```
/// use thinksafe_rl::{FnReward, Response, Score};
///
/// let short = FnReward::new("short", "v1", |response: &Response<'_>| {
///     Ok(Score::Value(1.0 / (1.0 + response.turn.len() as f64)))
/// });
/// # let _: &dyn thinksafe_rl::Reward = &short;
/// ```
#[derive(Clone)]
pub struct FnReward<F> {
    name: String,
    version: String,
    score: F,
}

impl<F> std::fmt::Debug for FnReward<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("FnReward").field(&self.name).field(&self.version).finish()
    }
}

impl<F> FnReward<F>
where
    F: FnMut(&Response<'_>) -> Result<Score, Box<dyn std::error::Error + Send + Sync>>,
{
    /// A reward by name. The version says which scores it gives: give it another when the function changes.
    pub fn new(name: impl Into<String>, version: impl Into<String>, score: F) -> Self {
        Self { name: name.into(), version: version.into(), score }
    }
}

impl<F> Reward for FnReward<F>
where
    F: FnMut(&Response<'_>) -> Result<Score, Box<dyn std::error::Error + Send + Sync>>,
{
    fn name(&self) -> &str {
        &self.name
    }

    fn identity(&self) -> ContentHash {
        ContentHash::of("thinksafe.rl.reward.function", &(&self.name, &self.version))
    }

    fn score(&mut self, responses: &[Response<'_>]) -> Result<Vec<Score>, RewardError> {
        let score = |(place, response): (usize, &Response<'_>)| {
            (self.score)(response).map_err(|source| RewardError { response: Some(place), source })
        };
        responses.iter().enumerate().map(score).collect()
    }
}
