//! The loss of one response, and its derivative by the log-probability of each token.

use serde::{Deserialize, Serialize};

use crate::clip::{Clip, Side};
use crate::kl::k3;
use crate::ratio::RatioLevel;

/// The terms of the loss of a token: the clipped surrogate, and the divergence from the reference.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "plain settings")]
pub struct PolicyLoss {
    /// What one ratio is about.
    pub ratio: RatioLevel,
    /// How far it pays off.
    pub clip: Clip,
    /// The factor of the divergence from the reference (k3); 0: there is none, and the reference is not computed.
    pub beta: f64,
}

/// The tokens of one response.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct ResponseTokens<'a> {
    /// Log-probabilities under the policy in training.
    pub policy: &'a [f64],
    /// Under the policy that wrote them.
    pub old: &'a [f64],
    /// Under the reference; none if beta is 0.
    pub reference: Option<&'a [f64]>,
    /// The response's advantage.
    pub advantage: f64,
}

/// What the loss of a response came to; sums over its tokens, not weighted.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct ResponseLoss {
    /// The loss, divergence included.
    pub loss: f64,
    /// The divergence, without its factor.
    pub kl: f64,
    /// The ratios.
    pub ratio: f64,
    /// The largest distance of a ratio from 1: no sum.
    pub ratio_distance: f64,
    /// Tokens whose ratio was cut below 1.
    pub clipped_low: u64,
    /// Tokens whose ratio was cut above 1.
    pub clipped_high: u64,
    /// The derivative of `loss` by the log-probability of each token under the policy.
    pub slopes: Vec<f64>,
}

impl PolicyLoss {
    /// The loss of a response, summed over its tokens.
    ///
    /// The log-probabilities must be of the same tokens, in their order: as many of each.
    pub fn of(&self, tokens: ResponseTokens<'_>) -> ResponseLoss {
        let ResponseTokens { policy, old, reference, advantage } = tokens;
        let differences: Vec<f64> = policy.iter().zip(old).map(|(new, old)| new - old).collect();
        let ratios = self.ratio.ratios(&differences);
        let mut sums = ResponseLoss::default();
        let mut by_ratio = Vec::with_capacity(ratios.len());
        for ratio in &ratios {
            let (loss, slope) = self.clip.loss(*ratio, advantage);
            by_ratio.push(slope);
            sums.count(*ratio, loss, self.clip.cuts(*ratio, advantage));
        }
        sums.slopes = self.ratio.back(&ratios, &by_ratio);
        for (i, (policy, reference)) in policy.iter().zip(reference.unwrap_or(&[])).enumerate() {
            let (kl, slope) = k3(*policy, *reference);
            sums.kl += kl;
            sums.loss += self.beta * kl;
            sums.slopes[i] += self.beta * slope;
        }
        sums
    }
}

impl ResponseLoss {
    fn count(&mut self, ratio: f64, loss: f64, cut: Option<Side>) {
        self.loss += loss;
        self.ratio += ratio;
        self.ratio_distance = self.ratio_distance.max((ratio - 1.0).abs());
        match cut {
            Some(Side::Low) => self.clipped_low += 1,
            Some(Side::High) => self.clipped_high += 1,
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: [f64; 3] = [-1.0, -0.4, -2.0];
    const REFERENCE: [f64; 3] = [-1.2, -0.5, -1.1];

    fn loss(ratio: RatioLevel, policy: &[f64], advantage: f64) -> ResponseLoss {
        let settings = PolicyLoss { ratio, clip: Clip { low: 0.2, high: 0.3 }, beta: 0.1 };
        settings.of(ResponseTokens { policy, old: &OLD, reference: Some(&REFERENCE), advantage })
    }

    #[test]
    fn slopes_are_finite_differences() {
        let policy = [-0.9, -0.1, -2.9];
        for ratio in [RatioLevel::Token, RatioLevel::Sequence] {
            for advantage in [-1.3, 0.7] {
                let found = loss(ratio, &policy, advantage);
                for i in 0..3 {
                    let moved = |by: f64| {
                        let mut policy = policy;
                        policy[i] += by;
                        loss(ratio, &policy, advantage).loss
                    };
                    let slope = (moved(1e-6) - moved(-1e-6)) / 2e-6;
                    assert!((slope - found.slopes[i]).abs() < 1e-7, "{ratio:?} {advantage} {i}");
                }
            }
        }
    }

    #[test]
    fn an_unchanged_policy_has_the_slope_of_the_plain_policy_gradient() {
        let settings =
            PolicyLoss { ratio: RatioLevel::Token, clip: Clip::symmetric(0.2), beta: 0.04 };
        let tokens =
            ResponseTokens { policy: &OLD, old: &OLD, reference: Some(&OLD), advantage: 0.5 };
        let found = settings.of(tokens);
        assert_eq!((found.slopes, found.kl, found.ratio_distance), (vec![-0.5; 3], 0.0, 0.0));
    }

    #[test]
    fn cut_tokens_are_counted_by_side() {
        let found = loss(RatioLevel::Token, &[-0.5, -0.4, -2.5], 1.0);
        assert_eq!((found.clipped_low, found.clipped_high), (0, 1));
        let found = loss(RatioLevel::Token, &[-0.5, -0.4, -2.5], -1.0);
        assert_eq!((found.clipped_low, found.clipped_high), (1, 0));
    }
}
