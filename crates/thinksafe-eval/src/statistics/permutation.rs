//! The permutation test of two groups within strata.

use serde::{Deserialize, Serialize};
use thinksafe_core::seed::{Philox, Seed};

/// Up to so many arrangements all are looked at.
const EXACT_UP_TO: f64 = 20_000.0;

/// The values of two groups of one stratum, exchangeable under the null hypothesis.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "two lists")]
pub struct Stratum {
    /// The first group's.
    pub first: Vec<f64>,
    /// The second group's.
    pub second: Vec<f64>,
}

/// Whether two groups differ in their mean, stratum by stratum.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StratifiedPermutation {
    /// Strata with values in both groups; the others say nothing.
    pub strata: u64,
    /// Mean of the second group minus mean of the first, in a mean over strata with weights `n1 n2 / (n1 + n2)`.
    pub difference: f64,
    /// The standard deviation of that difference over all arrangements: what chance alone makes of it.
    pub null_deviation: f64,
    /// The two-sided p-value: the share of arrangements whose difference is at least as far from zero.
    pub p_value: f64,
    /// Whether every arrangement was counted; else they were drawn.
    pub exact: bool,
}

impl StratifiedPermutation {
    /// The smallest true difference that such a test finds four times in five at the level of 5 %, by the normal
    /// approximation: 2.80 null deviations.
    pub fn detectable(&self) -> f64 {
        (super::Z_95 + Z_80) * self.null_deviation
    }
}

/// Tests that within each stratum the two groups come from one distribution, by the difference of their means.
///
/// An arrangement deals each stratum's values anew to groups of the sizes they have. Up to 20,000 arrangements all are
/// counted; of more, `draws` are drawn, and p = (1 + hits) / (1 + draws), which keeps the level of the test. It assumes
/// nothing of the distributions; strata may differ in any way. `None` if no stratum has values in both groups, or if a
/// value is not finite.
pub fn stratified_permutation(
    strata: &[Stratum],
    draws: u32,
    seed: Seed,
) -> Option<StratifiedPermutation> {
    let pools: Vec<Pool> = strata.iter().filter_map(Pool::of).collect();
    let finite = strata.iter().all(|s| s.first.iter().chain(&s.second).all(|v| v.is_finite()));
    if pools.is_empty() || !finite {
        return None;
    }
    let weight: f64 = pools.iter().map(Pool::weight).sum();
    let observed: f64 = pools.iter().map(|pool| pool.contrast(0..pool.second)).sum();
    let variance: f64 = pools.iter().map(Pool::variance).sum();
    // Sums of the same numbers in another order differ by rounding; those are ties.
    let scale: f64 = pools.iter().flat_map(|pool| &pool.values).map(|v| v.abs()).sum();
    let threshold = observed.abs() - 1e-12 * scale;
    let exact = pools.iter().map(Pool::arrangements).product::<f64>() <= EXACT_UP_TO;
    let p_value = if exact {
        counted(&pools, threshold)
    } else {
        let stream = seed.purpose("thinksafe.permutation").stream();
        drawn(&pools, threshold, draws, stream)
    };
    Some(StratifiedPermutation {
        strata: pools.len() as u64,
        difference: observed / weight,
        null_deviation: variance.sqrt() / weight,
        p_value,
        exact,
    })
}

/// The values of a stratum about their mean, those of the second group first.
struct Pool {
    values: Vec<f64>,
    second: usize,
}

impl Pool {
    fn of(stratum: &Stratum) -> Option<Self> {
        let Stratum { first, second } = stratum;
        let values: Vec<f64> = second.iter().chain(first).copied().collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let values = values.into_iter().map(|value| value - mean).collect();
        (!first.is_empty() && !second.is_empty()).then_some(Self { values, second: second.len() })
    }

    /// `n1 n2 / (n1 + n2)`.
    fn weight(&self) -> f64 {
        let (n, second) = (self.values.len() as f64, self.second as f64);
        (n - second) * second / n
    }

    /// The weighted difference of means if these are the second group: as the values sum to zero, it is their sum.
    fn contrast(&self, second: impl IntoIterator<Item = usize>) -> f64 {
        second.into_iter().map(|at| self.values[at]).sum()
    }

    /// The variance of [`Self::contrast`] over all arrangements.
    fn variance(&self) -> f64 {
        let squares: f64 = self.values.iter().map(|v| v * v).sum();
        self.weight() * squares / (self.values.len() as f64 - 1.0)
    }

    /// How many arrangements there are.
    fn arrangements(&self) -> f64 {
        let others = self.values.len() - self.second;
        (1..=self.second).map(|i| (others + i) as f64 / i as f64).product()
    }

    /// The contrast of every arrangement.
    fn contrasts(&self) -> Vec<f64> {
        let mut found = Vec::new();
        let mut chosen: Vec<usize> = (0..self.second).collect();
        loop {
            found.push(self.contrast(chosen.iter().copied()));
            if !next_combination(&mut chosen, self.values.len()) {
                return found;
            }
        }
    }

    /// The contrast of an arrangement that is drawn (Fisher and Yates, as far as needed). `order` is scratch of any order.
    fn draw(&self, order: &mut [usize], mut bits: impl FnMut() -> u64) -> f64 {
        for at in 0..self.second {
            let left = (order.len() - at) as u128;
            let other = at + ((u128::from(bits()) * left) >> 64) as usize;
            order.swap(at, other);
        }
        self.contrast(order[..self.second].iter().copied())
    }
}

/// The next combination in lexicographic order; false after the last.
fn next_combination(chosen: &mut [usize], of: usize) -> bool {
    let k = chosen.len();
    let Some(at) = (0..k).rev().find(|&at| chosen[at] < of - k + at) else { return false };
    chosen[at] += 1;
    for later in at + 1..k {
        chosen[later] = chosen[later - 1] + 1;
    }
    true
}

/// The share of all arrangements whose contrast reaches the threshold.
fn counted(pools: &[Pool], threshold: f64) -> f64 {
    let all = pools.iter().fold(vec![0.0], |sums, pool| {
        let contrasts = pool.contrasts();
        sums.iter().flat_map(|sum| contrasts.iter().map(move |c| sum + c)).collect()
    });
    all.iter().filter(|sum| sum.abs() >= threshold).count() as f64 / all.len() as f64
}

/// The share among drawn arrangements, the observed one counted with them.
fn drawn(pools: &[Pool], threshold: f64, draws: u32, stream: Philox) -> f64 {
    let mut orders: Vec<Vec<usize>> =
        pools.iter().map(|pool| (0..pool.values.len()).collect()).collect();
    let mut position = 0;
    let mut bits = || {
        position += 1;
        stream.bits(position)
    };
    let mut hits = 0u64;
    for _ in 0..draws {
        let pairs = pools.iter().zip(&mut orders);
        let sum: f64 = pairs.map(|(pool, order)| pool.draw(order, &mut bits)).sum();
        hits += u64::from(sum.abs() >= threshold);
    }
    (1 + hits) as f64 / (1.0 + f64::from(draws))
}

/// The 80 % quantile of the standard normal distribution.
const Z_80: f64 = 0.841_621_233_572_914_2;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stratum(first: &[f64], second: &[f64]) -> Stratum {
        Stratum { first: first.to_vec(), second: second.to_vec() }
    }

    #[test]
    fn strata_with_one_group_say_nothing() {
        let lone = [stratum(&[1.0, 2.0], &[]), stratum(&[], &[3.0])];
        assert_eq!(stratified_permutation(&lone, 99, Seed(1)), None);
        assert_eq!(stratified_permutation(&[stratum(&[f64::NAN], &[1.0])], 99, Seed(1)), None);
        let test = stratified_permutation(&[stratum(&[1.0], &[2.0])], 99, Seed(1)).unwrap();
        assert_eq!((test.strata, test.difference, test.p_value, test.exact), (1, 1.0, 1.0, true));
    }

    #[test]
    fn values_that_are_all_alike_differ_by_nothing() {
        let alike = vec![stratum(&[4.0; 9], &[4.0; 9]); 5];
        let test = stratified_permutation(&alike, 99, Seed(1)).unwrap();
        assert_eq!((test.difference, test.p_value, test.exact), (0.0, 1.0, false));
    }

    #[test]
    fn a_difference_between_strata_is_none_between_groups() {
        let strata: Vec<Stratum> = (0..30)
            .map(|i| {
                let base = f64::from(i) * 100.0;
                stratum(&[base, base + 1.0, base + 2.0], &[base + 0.5, base + 1.5])
            })
            .collect();
        let same = stratified_permutation(&strata, 999, Seed(1)).unwrap();
        assert!(same.p_value > 0.9 && same.difference.abs() < 1e-9, "{same:?}");
        let shifted: Vec<Stratum> = strata
            .iter()
            .map(|s| stratum(&s.first, &s.second.iter().map(|v| v + 1.0).collect::<Vec<_>>()))
            .collect();
        let differs = stratified_permutation(&shifted, 999, Seed(1)).unwrap();
        assert!(differs.p_value < 0.01 && (differs.difference - 1.0).abs() < 1e-9, "{differs:?}");
        assert!(differs.detectable() < 1.0, "{differs:?}");
    }

    #[test]
    fn draws_agree_with_counting() {
        let strata = [
            stratum(&[0.1, 0.9, 0.4, 1.3], &[0.8, 1.9, 1.1]),
            stratum(&[3.0, 2.0], &[2.5, 4.5, 3.5]),
        ];
        let pools: Vec<Pool> = strata.iter().filter_map(Pool::of).collect();
        let exact = stratified_permutation(&strata, 0, Seed(1)).unwrap();
        assert!(exact.exact);
        let observed: f64 = pools.iter().map(|pool| pool.contrast(0..pool.second)).sum();
        let share = drawn(&pools, observed.abs() - 1e-9, 20_000, Seed(3).stream());
        assert!((share - exact.p_value).abs() < 0.015, "{share} {exact:?}");
    }

    proptest! {
        #[test]
        fn the_null_deviation_is_that_of_all_arrangements(
            first in prop::collection::vec(-5.0f64..5.0, 1..5),
            second in prop::collection::vec(-5.0f64..5.0, 1..5),
        ) {
            let test = stratified_permutation(&[stratum(&first, &second)], 0, Seed(1)).unwrap();
            let pool = Pool::of(&stratum(&first, &second)).unwrap();
            let contrasts = pool.contrasts();
            prop_assert_eq!(contrasts.len() as f64, pool.arrangements().round());
            let squares: f64 = contrasts.iter().map(|c| c * c).sum();
            let deviation = (squares / contrasts.len() as f64).sqrt() / pool.weight();
            prop_assert!((deviation - test.null_deviation).abs() < 1e-9);
            let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
            prop_assert!((test.difference - (mean(&second) - mean(&first))).abs() < 1e-9);
        }
    }
}
