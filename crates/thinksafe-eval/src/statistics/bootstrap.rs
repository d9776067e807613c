//! Intervals by resampling, for whatever no formula fits.

use std::collections::BTreeMap;

use thinksafe_core::seed::{Philox, Seed};

use super::cluster::{Observation, clusters};
use super::interval::Interval;
use super::summary::quantile;

/// The mean of observations with its 95 % percentile interval under resampling of whole clusters, with replacement.
///
/// A resample's mean is its sum over its count, so clusters of several sizes keep their weight. For two runs on the
/// same items, give the differences as values: that is the paired bootstrap. The ends are themselves random: with `n`
/// resamples each is off by about 2.7 / √n standard errors of the mean. The same seed gives the same ends.
/// `None` without observations or resamples.
pub fn bootstrap(observations: &[Observation<'_>], resamples: u32, seed: Seed) -> Option<Interval> {
    let clusters: Vec<(f64, f64)> =
        clusters(observations).into_values().map(|c| (c.sum, c.count as f64)).collect();
    resampled(&clusters, resamples, seed)
}

/// The ratio of two sums with its 95 % percentile interval under resampling of whole clusters: each part is (cluster,
/// numerator, denominator).
///
/// A rate per token over texts of several lengths is such a ratio. Otherwise as [`bootstrap`]. `None` without parts or
/// resamples, and if a cluster's denominators do not sum to more than 0.
pub fn bootstrap_ratio(parts: &[(&str, f64, f64)], resamples: u32, seed: Seed) -> Option<Interval> {
    let mut clusters: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for (cluster, numerator, denominator) in parts {
        let sums = clusters.entry(cluster).or_default();
        *sums = (sums.0 + numerator, sums.1 + denominator);
    }
    let clusters: Vec<(f64, f64)> = clusters.into_values().collect();
    let usable = clusters.iter().all(|(sum, count)| sum.is_finite() && *count > 0.0);
    usable.then(|| resampled(&clusters, resamples, seed)).flatten()
}

/// The ratio of the sums over all clusters, each a pair of sum and count, with its interval.
fn resampled(clusters: &[(f64, f64)], resamples: u32, seed: Seed) -> Option<Interval> {
    if clusters.is_empty() || resamples == 0 {
        return None;
    }
    let stream = seed.purpose("thinksafe.bootstrap").stream();
    let mut means: Vec<f64> =
        (0..u64::from(resamples)).map(|resample| mean(clusters, stream, resample)).collect();
    means.sort_by(f64::total_cmp);
    let sum = |of: fn(&(f64, f64)) -> f64| clusters.iter().map(of).sum::<f64>();
    Some(Interval {
        value: sum(|c| c.0) / sum(|c| c.1),
        low: quantile(&means, 0.025),
        high: quantile(&means, 0.975),
    })
}

/// The mean of one resample: each cluster is a pair of sum and count.
fn mean(clusters: &[(f64, f64)], stream: Philox, resample: u64) -> f64 {
    let n = clusters.len() as u64;
    let (mut sum, mut count) = (0.0, 0.0);
    for draw in 0..n {
        let bits = u128::from(stream.bits(resample * n + draw));
        let (s, c) = clusters[((bits * u128::from(n)) >> 64) as usize];
        (sum, count) = (sum + s, count + c);
    }
    sum / count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observations(values: &[(&'static str, f64)]) -> Vec<Observation<'static>> {
        values.iter().map(|&(cluster, value)| Observation { cluster, value }).collect()
    }

    #[test]
    fn nothing_to_draw_from_is_no_interval() {
        assert_eq!(bootstrap(&[], 100, Seed(1)), None);
        assert_eq!(bootstrap(&observations(&[("a", 1.0)]), 0, Seed(1)), None);
    }

    #[test]
    fn a_ratio_weighs_clusters_by_their_denominators() {
        let parts = [("a", 3.0, 1.0), ("b", 1.0, 3.0), ("b", 0.0, 4.0)];
        let ratio = bootstrap_ratio(&parts, 999, Seed(1)).unwrap();
        assert!((ratio.value - 0.5).abs() < 1e-12, "{ratio:?}");
        assert!((ratio.low - 1.0 / 7.0).abs() < 1e-12 && (ratio.high - 3.0).abs() < 1e-12);
        let as_mean = bootstrap_ratio(&[("a", 1.0, 1.0), ("b", 0.0, 1.0)], 99, Seed(2));
        assert_eq!(as_mean, bootstrap(&observations(&[("a", 1.0), ("b", 0.0)]), 99, Seed(2)));
        assert_eq!(bootstrap_ratio(&[("a", 1.0, 0.0)], 99, Seed(1)), None);
        assert_eq!(bootstrap_ratio(&[], 99, Seed(1)), None);
    }

    #[test]
    fn a_seed_settles_the_draws() {
        let sample = observations(&[("a", 0.0), ("b", 1.0), ("c", 1.0), ("d", 0.5)]);
        let one = bootstrap(&sample, 999, Seed(1)).unwrap();
        assert_eq!(bootstrap(&sample, 999, Seed(1)), Some(one));
        assert!(one.low < one.value && one.value < one.high, "{one:?}");
        let lone = |resample| mean(&[(0.0, 1.0), (1.0, 1.0)], Seed(1).stream(), resample);
        assert!((0..50).map(lone).any(|m| m == 0.0) && (0..50).map(lone).any(|m| m == 1.0));
    }

    #[test]
    fn clusters_are_drawn_whole() {
        let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let each = |n: usize| -> Vec<Observation<'_>> {
            let value = |i: usize| f64::from(u8::from(i % 2 == 1));
            let items = names.iter().enumerate();
            items
                .flat_map(|(i, &cluster)| {
                    (0..n).map(move |_| Observation { cluster, value: value(i) })
                })
                .collect()
        };
        let (once, often) =
            (bootstrap(&each(1), 2000, Seed(5)), bootstrap(&each(10), 2000, Seed(5)));
        assert_eq!(once, often);
    }
}
