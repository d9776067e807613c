//! Whether accepted steered and accepted unsteered responses have one distribution.

use serde::{Deserialize, Serialize};
use thinksafe_core::seed::Seed;

use super::sample::{PromptSamples, SampleLikelihood};
use super::tilt::{deviation, mean};
use crate::statistics::{
    Interval, StratifiedPermutation, Stratum, bootstrap_ratio, stratified_permutation,
};

/// The quantity of a response that the two sides are compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Statistic {
    /// ln p(y|x), in nats: whether steering prefers what the unsteered model finds likely.
    LogLikelihood,
    /// ln p(y|I,x) − ln p(y|x), in nats: what tells the two apart best, if anything does (Neyman and Pearson, 1933). Its mean
    /// difference estimates the Jeffreys divergence of the two distributions, which is 0 only if they are one.
    LogRatio,
    /// The length in tokens.
    Length,
}

impl Statistic {
    /// All, in the order of reports.
    pub const ALL: [Self; 3] = [Self::LogLikelihood, Self::LogRatio, Self::Length];

    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LogLikelihood => "ln p(y|x), nats",
            Self::LogRatio => "ln p(y|I,x) \u{2212} ln p(y|x), nats",
            Self::Length => "length, tokens",
        }
    }

    fn of(self, likelihood: &SampleLikelihood) -> f64 {
        match self {
            Self::LogLikelihood => likelihood.unsteered.log_prob,
            Self::LogRatio => likelihood.log_ratio(),
            Self::Length => likelihood.unsteered.tokens as f64,
        }
    }
}

/// A test that within each prompt the accepted steered and the accepted unsteered responses have one distribution, as
/// Corollary 4.4 says.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DistributionTest {
    /// What is compared.
    pub statistic: Statistic,
    /// The permutation test; its first group is unsteered, its strata are the prompts with both.
    pub test: StratifiedPermutation,
    /// Steered minus unsteered, as in the test, with the interval of a bootstrap over prompts.
    pub difference: Interval,
    /// The difference over the standard deviation within sides and prompts; absent where that is 0 or not known.
    pub standardised: Option<f64>,
    /// The smallest true difference that the test would find four times in five.
    pub detectable: f64,
    /// Accepted unsteered responses of these prompts.
    pub unsteered: u64,
    /// Accepted steered responses of these prompts.
    pub steered: u64,
}

/// How often prompts are drawn anew for the interval.
const RESAMPLES: u32 = 2000;

impl DistributionTest {
    /// Tests one statistic, with `draws` permutations where all are too many. `None` if no prompt has an accepted response
    /// on both sides.
    pub fn of(
        prompts: &[PromptSamples],
        statistic: Statistic,
        draws: u32,
        seed: Seed,
    ) -> Option<Self> {
        let strata: Vec<(&str, Stratum)> = prompts
            .iter()
            .map(|prompt| (prompt.prompt.as_str(), stratum(prompt, statistic)))
            .filter(|(_, stratum)| !stratum.first.is_empty() && !stratum.second.is_empty())
            .collect();
        let values: Vec<Stratum> = strata.iter().map(|(_, stratum)| stratum.clone()).collect();
        let test = stratified_permutation(&values, draws, seed)?;
        let weighted: Vec<(&str, f64, f64)> =
            strata.iter().map(|(id, stratum)| weighted(id, stratum)).collect();
        let within: Vec<_> = strata.iter().map(|(id, stratum)| within(id, stratum)).collect();
        let deviation = deviation(&within).filter(|deviation| *deviation > 0.0);
        Some(Self {
            statistic,
            test,
            difference: bootstrap_ratio(&weighted, RESAMPLES, seed)?,
            standardised: deviation.map(|deviation| test.difference / deviation),
            detectable: test.detectable(),
            unsteered: values.iter().map(|stratum| stratum.first.len() as u64).sum(),
            steered: values.iter().map(|stratum| stratum.second.len() as u64).sum(),
        })
    }
}

/// The p-value of one prompt alone; `None` without accepted responses on both sides.
pub(super) fn p_value_of(
    prompt: &PromptSamples,
    statistic: Statistic,
    draws: u32,
    seed: Seed,
) -> Option<f64> {
    let test = stratified_permutation(&[stratum(prompt, statistic)], draws, seed)?;
    Some(test.p_value)
}

fn stratum(prompt: &PromptSamples, statistic: Statistic) -> Stratum {
    let [first, second] = prompt.accepted(|likelihood| statistic.of(likelihood));
    Stratum { first, second }
}

/// A prompt with its difference of means times its weight, and the weight.
fn weighted<'p>(id: &'p str, Stratum { first, second }: &Stratum) -> (&'p str, f64, f64) {
    let (n1, n2) = (first.len() as f64, second.len() as f64);
    let weight = n1 * n2 / (n1 + n2);
    (id, weight * (mean(second) - mean(first)), weight)
}

/// A prompt with the squares about the mean of each side, and their degrees of freedom.
fn within<'p>(id: &'p str, Stratum { first, second }: &Stratum) -> (&'p str, f64, f64) {
    let squares = |values: &[f64]| {
        let mean = mean(values);
        values.iter().map(|value| (value - mean).powi(2)).sum::<f64>()
    };
    (id, squares(first) + squares(second), (first.len() + second.len()) as f64 - 2.0)
}

#[cfg(test)]
mod tests {
    use super::super::sample::tests::{prompt, sample};
    use super::super::sample::{Outcome, Sample};
    use super::*;

    /// Prompts with four accepted responses on each side, the steered ones likelier by `shift`.
    fn prompts(shift: f64) -> Vec<PromptSamples> {
        let each = |index: u32| {
            let base = -40.0 - f64::from(index * index % 7) * 10.0;
            let side = |shift: f64, phase: u32| -> Vec<Sample> {
                let value = |i: u32| base + f64::from((i * 3 + index + phase) % 8) + shift;
                (0..4).map(|i| sample(value(i), 2.0)).collect()
            };
            prompt(&index.to_string(), &side(0.0, 0), &side(shift, 4))
        };
        (0..12).map(each).collect()
    }

    #[test]
    fn one_distribution_is_accepted_and_two_are_told_apart() {
        let of = |prompts: &[PromptSamples], statistic| {
            DistributionTest::of(prompts, statistic, 2000, Seed(1)).unwrap()
        };
        let same = of(&prompts(0.0), Statistic::LogLikelihood);
        assert!(same.test.p_value > 0.05 && same.difference.low <= 0.0, "{same:?}");
        assert_eq!((same.test.strata, same.unsteered, same.steered), (12, 48, 48));
        let apart = of(&prompts(6.0), Statistic::LogLikelihood);
        assert!(apart.test.p_value < 0.01 && apart.difference.low > 0.0, "{apart:?}");
        assert!((apart.difference.value - apart.test.difference).abs() < 1e-9);
        assert!(apart.standardised.unwrap() > 1.0 && apart.detectable < 6.0);
        let ratios = of(&prompts(6.0), Statistic::LogRatio);
        assert!(ratios.test.p_value > 0.99 && ratios.difference.value.abs() < 1e-9, "{ratios:?}");
    }

    #[test]
    fn prompts_without_an_accepted_unsteered_response_say_nothing() {
        let lone = [prompt("a", &[Sample::of(Outcome::Unsafe)], &[sample(-1.0, 1.0)])];
        assert_eq!(DistributionTest::of(&lone, Statistic::Length, 99, Seed(1)), None);
        assert_eq!(p_value_of(&lone[0], Statistic::Length, 99, Seed(1)), None);
        let both = prompt("b", &[sample(-3.0, 1.0)], &[sample(-1.0, 1.0), sample(-2.0, 1.0)]);
        let p = p_value_of(&both, Statistic::LogLikelihood, 99, Seed(1)).unwrap();
        assert!((p - 2.0 / 3.0).abs() < 1e-12, "{p}");
    }
}
