//! The importance ratio of a response's tokens: how much likelier the policy finds them than the one that wrote them.

use serde::{Deserialize, Serialize};

/// What one ratio is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "the field's two choices")]
pub enum RatioLevel {
    /// Each token (GRPO): p(token) / p_old(token).
    Token,
    /// The whole response (GSPO; Zheng et al., 2025): the geometric mean of its tokens' ratios.
    Sequence,
}

impl RatioLevel {
    /// The ratio at each token, from the differences of log-probabilities, new less old.
    pub fn ratios(self, differences: &[f64]) -> Vec<f64> {
        match self {
            Self::Token => differences.iter().map(|difference| difference.exp()).collect(),
            Self::Sequence => {
                let mean = differences.iter().sum::<f64>() / differences.len().max(1) as f64;
                vec![mean.exp(); differences.len()]
            }
        }
    }

    /// The derivative of `Σ slope * ratio` by each new log-probability.
    pub(crate) fn back(self, ratios: &[f64], slopes: &[f64]) -> Vec<f64> {
        let through = ratios.iter().zip(slopes).map(|(ratio, slope)| ratio * slope);
        match self {
            Self::Token => through.collect(),
            Self::Sequence => {
                let mean = through.sum::<f64>() / ratios.len().max(1) as f64;
                vec![mean; ratios.len()]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_has_the_geometric_mean_of_its_tokens() {
        let differences = [2f64.ln(), 8f64.ln()];
        let tokens = RatioLevel::Token.ratios(&differences);
        assert!((tokens[0] - 2.0).abs() < 1e-12 && (tokens[1] - 8.0).abs() < 1e-12);
        let sequence = RatioLevel::Sequence.ratios(&differences);
        assert!(sequence.iter().all(|ratio| (ratio - 4.0).abs() < 1e-12));
        assert!(RatioLevel::Sequence.ratios(&[]).is_empty());
    }

    #[test]
    fn an_unchanged_policy_has_ratio_1() {
        for level in [RatioLevel::Token, RatioLevel::Sequence] {
            assert_eq!(level.ratios(&[0.0; 3]), [1.0; 3]);
        }
    }
}
