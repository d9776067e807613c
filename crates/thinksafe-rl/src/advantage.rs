//! From the rewards of a group to the advantage of each of its responses.

use serde::{Deserialize, Serialize};

/// What the difference of a reward from its group's mean is divided by.
///
/// The standard deviation is the unbiased one (n - 1), and 1e-4 is added to it, as TRL does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "the field's three choices")]
pub enum RewardScale {
    /// The standard deviation of its group (GRPO): A = (r - mean) / std.
    Group,
    /// The standard deviation of all rewards of the step, whose noise is smaller (Liu et al., 2025, "Tricks or Traps").
    Batch,
    /// Nothing (Dr. GRPO): groups that are nearly alike are not blown up.
    None,
}

/// Added to standard deviations.
const EPSILON: f64 = 1e-4;

impl RewardScale {
    /// The advantages of the responses of each group, from their rewards.
    ///
    /// ```
    /// use thinksafe_rl::RewardScale;
    ///
    /// assert_eq!(RewardScale::None.advantages(&[vec![0.0, 1.0]]), [[-0.5, 0.5]]);
    /// ```
    pub fn advantages(self, groups: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let batch = deviation(&groups.concat());
        let of_group = |rewards: &Vec<f64>| {
            let scale = match self {
                Self::Group => deviation(rewards) + EPSILON,
                Self::Batch => batch + EPSILON,
                Self::None => 1.0,
            };
            let mean = mean(rewards);
            rewards.iter().map(|reward| (reward - mean) / scale).collect()
        };
        groups.iter().map(of_group).collect()
    }
}

/// The mean; 0 of nothing.
pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// The unbiased standard deviation; 0 of fewer than two values.
pub(crate) fn deviation(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (squares / (values.len() - 1) as f64).sqrt()
}

/// Whether rewards tell responses apart: there are two of them that differ by more than `spread`.
pub(crate) fn tell_apart(rewards: &[f64], spread: f64) -> bool {
    let least = rewards.iter().copied().fold(f64::INFINITY, f64::min);
    let most = rewards.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    most - least > spread
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_batch_scales_all_groups_alike_and_a_group_itself() {
        let groups = [vec![0.0, 2.0], vec![0.0, 0.2]];
        let by_group = RewardScale::Group.advantages(&groups);
        assert!((by_group[0][1] - by_group[1][1]).abs() < 1e-3);
        let by_batch = RewardScale::Batch.advantages(&groups);
        assert!((by_batch[0][1] / by_batch[1][1] - 10.0).abs() < 1e-9);
    }

    #[test]
    fn equal_rewards_and_single_ones_tell_nothing_apart() {
        assert!(!tell_apart(&[0.3, 0.3], 0.0) && !tell_apart(&[0.3], 0.0) && !tell_apart(&[], 0.0));
        assert!(tell_apart(&[0.3, 0.31], 0.0) && !tell_apart(&[0.3, 0.31], 0.1));
        assert_eq!(RewardScale::Group.advantages(&[vec![0.3, 0.3]]), [[0.0, 0.0]]);
    }

    proptest! {
        #[test]
        fn advantages_of_a_group_sum_to_nothing(rewards in prop::collection::vec(-5.0f64..5.0, 2..9)) {
            for scale in [RewardScale::Group, RewardScale::Batch, RewardScale::None] {
                let advantages = scale.advantages(std::slice::from_ref(&rewards));
                prop_assert!(advantages[0].iter().sum::<f64>().abs() < 1e-8);
            }
        }
    }
}
