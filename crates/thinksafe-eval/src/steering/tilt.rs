//! Whether steering multiplies the probability of all safe responses to a prompt by one factor.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use statrs::distribution::{ChiSquared, ContinuousCDF};
use thinksafe_core::seed::Seed;

use super::sample::{PromptSamples, SampleLikelihood};
use crate::statistics::{Interval, bootstrap_ratio};

/// The spread of the log-ratio ln p(y|I,x) − ln p(y|x) over the accepted responses to one prompt, steered and unsteered.
///
/// Under Assumption 4.3 it is ln ω − ln Z for every one of them, so its spread within a prompt is that of rounding. That
/// is a statement about probabilities and not about how responses are drawn: one pair of responses whose log-ratios differ
/// by more than rounding refutes it. How far off it is, the spread says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tilt {
    /// Prompts with at least two accepted responses; the others say nothing.
    pub prompts: u64,
    /// Those among them whose accepted responses are not all the same text.
    pub prompts_with_different: u64,
    /// Accepted responses of these prompts.
    pub samples: u64,
    /// The standard deviation within prompts, in nats, pooled over prompts; the interval is that of a bootstrap over them.
    /// Absent without prompts.
    pub spread: Option<Interval>,
    /// The same of ln p(y|x) itself: how much there is that could have spread.
    pub likelihood_spread: Option<f64>,
    /// What rounding makes of a log-ratio, as the caller says: a standard deviation in nats.
    pub noise: f64,
    /// The p-value of no spread but rounding's: Σ (r − r̄)² / noise² is χ² of as many degrees of freedom as there are
    /// responses beyond the first of each prompt. 0 where the noise is 0 and the spread is not.
    pub p_value: Option<f64>,
    /// Log-ratios less the mean of their prompt, in nats.
    pub residuals: Residuals,
}

/// Log-ratios less the mean of their prompt.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Residuals {
    /// Of accepted unsteered responses.
    pub unsteered: Vec<f64>,
    /// Of accepted steered responses.
    pub steered: Vec<f64>,
}

/// How often prompts are drawn anew for the interval.
const RESAMPLES: u32 = 2000;

impl Tilt {
    /// Measures the spread. `noise` is a standard deviation in nats (see [`Tilt::noise`]).
    pub fn of(prompts: &[PromptSamples], noise: f64, seed: Seed) -> Self {
        let usable: Vec<&PromptSamples> = prompts.iter().filter(|p| count(p) > 1).collect();
        let ratios = squares(&usable, SampleLikelihood::log_ratio);
        let likelihoods = squares(&usable, |likelihood| likelihood.unsteered.log_prob);
        let spread = bootstrap_ratio(&ratios, RESAMPLES, seed).map(root);
        Self {
            prompts: usable.len() as u64,
            prompts_with_different: usable.iter().filter(|p| texts(p) > 1).count() as u64,
            samples: usable.iter().map(|p| count(p) as u64).sum(),
            spread,
            likelihood_spread: deviation(&likelihoods),
            noise,
            p_value: p_value(&ratios, noise),
            residuals: Residuals::of(&usable),
        }
    }
}

impl Residuals {
    fn of(prompts: &[&PromptSamples]) -> Self {
        let mut all = Self::default();
        for prompt in prompts {
            let [unsteered, steered] = prompt.accepted(SampleLikelihood::log_ratio);
            let mean = mean(unsteered.iter().chain(&steered));
            all.unsteered.extend(unsteered.iter().map(|ratio| ratio - mean));
            all.steered.extend(steered.iter().map(|ratio| ratio - mean));
        }
        all
    }
}

/// For each prompt its id, the sum of squares about its mean, and the degrees of freedom.
fn squares<'p>(
    prompts: &[&'p PromptSamples],
    of: fn(&SampleLikelihood) -> f64,
) -> Vec<(&'p str, f64, f64)> {
    let squares = |prompt: &&'p PromptSamples| {
        let values = prompt.accepted(of).concat();
        let mean = mean(&values);
        let sum = values.iter().map(|value| (value - mean).powi(2)).sum();
        (prompt.prompt.as_str(), sum, values.len() as f64 - 1.0)
    };
    prompts.iter().map(squares).collect()
}

/// The pooled standard deviation.
pub(super) fn deviation(squares: &[(&str, f64, f64)]) -> Option<f64> {
    let (sum, freedom) = totals(squares);
    (freedom > 0.0).then(|| (sum / freedom).sqrt())
}

/// Of a variance that of the deviation.
fn root(Interval { value, low, high }: Interval) -> Interval {
    Interval { value: value.sqrt(), low: low.sqrt(), high: high.sqrt() }
}

fn totals(squares: &[(&str, f64, f64)]) -> (f64, f64) {
    squares.iter().fold((0.0, 0.0), |sums, (_, sum, freedom)| (sums.0 + sum, sums.1 + freedom))
}

fn p_value(squares: &[(&str, f64, f64)], noise: f64) -> Option<f64> {
    let (sum, freedom) = totals(squares);
    let distribution = ChiSquared::new(freedom).ok()?;
    if sum <= 0.0 {
        return Some(1.0);
    }
    Some(if noise > 0.0 { distribution.sf(sum / (noise * noise)) } else { 0.0 })
}

/// Accepted responses with a likelihood.
fn count(prompt: &PromptSamples) -> usize {
    prompt.accepted(SampleLikelihood::log_ratio).map(|values| values.len()).iter().sum()
}

/// How many different texts the accepted responses are.
fn texts(prompt: &PromptSamples) -> usize {
    let samples = prompt.unsteered.iter().chain(&prompt.steered);
    let turns: HashSet<_> = samples.filter_map(|s| Some(&s.accepted()?.turn)).collect();
    turns.len()
}

pub(super) fn mean<'v>(values: impl IntoIterator<Item = &'v f64>) -> f64 {
    let (sum, count) = values.into_iter().fold((0.0, 0.0), |(sum, n), v| (sum + v, n + 1.0));
    sum / count
}

#[cfg(test)]
mod tests {
    use super::super::sample::tests::{prompt, sample};
    use super::*;

    #[test]
    fn a_true_tilt_has_no_spread_and_another_has() {
        let tilted = [
            prompt("a", &[sample(-10.0, 3.0), sample(-30.0, 3.0)], &[sample(-12.0, 3.0)]),
            prompt("b", &[], &[sample(-9.0, -1.0), sample(-9.0, -1.0)]),
            prompt("c", &[sample(-9.0, 5.0)], &[]),
        ];
        let tilt = Tilt::of(&tilted, 1e-3, Seed(1));
        assert_eq!((tilt.prompts, tilt.prompts_with_different, tilt.samples), (2, 1, 5));
        assert!(tilt.spread.unwrap().value < 1e-12 && tilt.p_value.unwrap() > 0.99, "{tilt:?}");
        assert!(tilt.likelihood_spread.unwrap() > 8.0);

        let bent = [prompt("a", &[sample(-10.0, 1.0)], &[sample(-12.0, 3.0), sample(-8.0, 5.0)])];
        let tilt = Tilt::of(&bent, 1e-3, Seed(1));
        assert!((tilt.spread.unwrap().value - 2.0).abs() < 1e-12, "{tilt:?}");
        assert!(tilt.p_value.unwrap() < 1e-12);
        assert_eq!(tilt.residuals.steered, [0.0, 2.0]);
        assert!((Tilt::of(&bent, 1e3, Seed(1)).p_value.unwrap() - 1.0).abs() < 1e-3);
    }

    #[test]
    fn without_two_accepted_responses_there_is_no_spread() {
        let tilt = Tilt::of(&[prompt("a", &[sample(-1.0, 0.0)], &[])], 0.0, Seed(1));
        assert_eq!((tilt.prompts, tilt.spread, tilt.p_value), (0, None, None));
    }
}
