//! Observations that are not independent.

use std::collections::BTreeMap;

/// One value in [0, 1], and the unit of independence it belongs to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation<'a> {
    /// Observations of one cluster (samples of one prompt, rewordings of one behaviour) go together.
    pub cluster: &'a str,
    /// The value.
    pub value: f64,
}

/// How many independent yes/no observations would be as informative as these.
///
/// It is n divided by the design effect, the ratio of the cluster-robust (CR0) to the plain variance of the mean,
/// and at most n: repeats of an item never pass for new items. Where the plain variance is zero (all values equal)
/// nothing is known about the design effect, and the number of clusters stands, the cautious choice.
pub fn effective_size(observations: &[Observation<'_>]) -> f64 {
    let n = observations.len() as f64;
    if observations.is_empty() {
        return 0.0;
    }
    let mean = observations.iter().map(|o| o.value).sum::<f64>() / n;
    let sums = cluster_sums(observations, mean);
    if sums.len() == observations.len() {
        return n;
    }
    let plain: f64 = observations.iter().map(|o| (o.value - mean).powi(2)).sum();
    let clusters = sums.len() as f64;
    if plain <= f64::EPSILON * n {
        return clusters;
    }
    let robust: f64 = sums.values().map(|sum| sum * sum).sum();
    // A robust variance near zero is chance (few clusters that cancel); it does not make n larger.
    if robust <= plain { n } else { n * plain / robust }
}

/// The standard error of the mean of observations, clusters accounted for.
///
/// √(G / (G − 1) · Σ over clusters of (Σ (xᵢ − x̄))²) / n with G clusters, as inspect_ai's `stderr(cluster=...)` has it
/// (Miller, 2024, with the usual correction for few clusters). With one observation a cluster it is s / √n. `None` for
/// fewer than two clusters, from which no error can be told.
pub fn clustered_error(observations: &[Observation<'_>]) -> Option<f64> {
    let n = observations.len() as f64;
    let mean = observations.iter().map(|o| o.value).sum::<f64>() / n;
    let sums = cluster_sums(observations, mean);
    let g = sums.len() as f64;
    let squares: f64 = sums.values().map(|sum| sum * sum).sum();
    (sums.len() > 1).then(|| (g / (g - 1.0) * squares).sqrt() / n)
}

/// What a cluster holds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cluster {
    pub(super) sum: f64,
    pub(super) count: u64,
}

/// The clusters by name.
pub(super) fn clusters<'a>(observations: &[Observation<'a>]) -> BTreeMap<&'a str, Cluster> {
    let mut clusters: BTreeMap<&str, Cluster> = BTreeMap::new();
    for observation in observations {
        let cluster = clusters.entry(observation.cluster).or_default();
        cluster.sum += observation.value;
        cluster.count += 1;
    }
    clusters
}

/// The sum of deviations from `mean` in each cluster.
pub(super) fn cluster_sums<'a>(
    observations: &[Observation<'a>],
    mean: f64,
) -> BTreeMap<&'a str, f64> {
    let mut sums = BTreeMap::new();
    for observation in observations {
        *sums.entry(observation.cluster).or_insert(0.0) += observation.value - mean;
    }
    sums
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn observations(values: &[(&'static str, f64)]) -> Vec<Observation<'static>> {
        values.iter().map(|&(cluster, value)| Observation { cluster, value }).collect()
    }

    #[test]
    fn repeats_that_agree_count_once() {
        let twice = [("a", 1.0), ("a", 1.0), ("b", 0.0), ("b", 0.0), ("c", 1.0), ("c", 1.0)];
        assert!((effective_size(&observations(&twice)) - 3.0).abs() < 1e-12);
        let all_zero = [("a", 0.0), ("a", 0.0), ("b", 0.0)];
        assert!((effective_size(&observations(&all_zero)) - 2.0).abs() < 1e-12);
    }

    #[test]
    fn single_items_count_fully_and_cancelling_clusters_no_more_than_that() {
        let single = [("a", 1.0), ("b", 0.0), ("c", 0.0)];
        assert!((effective_size(&observations(&single)) - 3.0).abs() < 1e-12);
        let cancelling = [("a", 1.0), ("a", 0.0), ("b", 1.0), ("b", 0.0)];
        assert!((effective_size(&observations(&cancelling)) - 4.0).abs() < 1e-12);
        assert!(effective_size(&[]).abs() < 1e-12);
    }

    /// OLS on a constant with `cov_type="cluster"`, no small-sample corrections, statsmodels 0.15.0: 0.04.
    #[test]
    fn cluster_sums_give_the_robust_error_of_statsmodels() {
        let values = [1., 1., 0., 1., 0., 0., 1., 1., 1., 0.];
        let clusters = ["0", "0", "0", "1", "1", "2", "2", "3", "3", "3"];
        let observations: Vec<_> = clusters
            .iter()
            .zip(values)
            .map(|(cluster, value)| Observation { cluster, value })
            .collect();
        let squares: f64 = cluster_sums(&observations, 0.6).values().map(|s| s * s).sum();
        assert!((squares.sqrt() / 10.0 - 0.04).abs() < 1e-12);
    }

    #[test]
    fn one_cluster_tells_no_error() {
        assert_eq!(clustered_error(&[]), None);
        assert_eq!(clustered_error(&observations(&[("a", 1.0), ("a", 0.0)])), None);
    }

    proptest! {
        #[test]
        fn the_effective_size_is_between_one_and_n(values in prop::collection::vec((0usize..5, 0u8..2), 1..40)) {
            const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];
            let observations: Vec<_> = values
                .iter()
                .map(|&(c, v)| Observation { cluster: NAMES[c], value: f64::from(v) })
                .collect();
            let effective = effective_size(&observations);
            prop_assert!(effective > 0.0 && effective <= observations.len() as f64 + 1e-9);
        }
    }
}
