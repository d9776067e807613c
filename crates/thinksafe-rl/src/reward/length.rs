//! A price on length.

use serde::{Deserialize, Serialize};
use thinksafe_core::hash::ContentHash;

use crate::Error;
use crate::response::Response;
use crate::reward::{Reward, RewardError, Score};

/// DAPO's soft overlong punishment: 0 up to `longest - margin` tokens, then falling along a straight line to -1 at `longest`,
/// and -1 beyond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OverlongReward {
    longest: u32,
    margin: u32,
}

impl OverlongReward {
    /// From the most tokens that a response may have, and the stretch before it in which it gets dearer.
    ///
    /// # Errors
    /// [`Error::Config`] if the margin is 0 or longer than the whole.
    pub fn new(longest: u32, margin: u32) -> Result<Self, Error> {
        if (1..=longest).contains(&margin) {
            return Ok(Self { longest, margin });
        }
        let reason = format!("expected a margin from 1 to {longest}, found {margin}");
        Err(Error::Config { field: "margin", reason })
    }

    /// The value for a number of generated tokens.
    ///
    /// ```
    /// let reward = thinksafe_rl::OverlongReward::new(100, 20)?;
    /// assert_eq!([80, 90, 100, 150].map(|tokens| reward.value(tokens)), [0.0, -0.5, -1.0, -1.0]);
    /// # Ok::<(), thinksafe_rl::Error>(())
    /// ```
    pub fn value(self, tokens: u32) -> f64 {
        let over = f64::from(tokens) - f64::from(self.longest - self.margin);
        -(over / f64::from(self.margin)).clamp(0.0, 1.0)
    }
}

impl Reward for OverlongReward {
    fn name(&self) -> &'static str {
        "overlong"
    }

    fn identity(&self) -> ContentHash {
        ContentHash::of("thinksafe.rl.reward.overlong", self)
    }

    fn score(&mut self, responses: &[Response<'_>]) -> Result<Vec<Score>, RewardError> {
        let tokens = responses.iter().map(|response| response.generated.completion_tokens());
        Ok(tokens.map(|tokens| Score::Value(self.value(tokens))).collect())
    }
}
