//! Every test of two runs on the same items, side by side.

use serde::{Deserialize, Serialize};
use thinksafe_core::seed::Seed;

use super::bootstrap::bootstrap;
use super::cluster::{Observation, clusters};
use super::interval::{Interval, is_binary};
use super::paired::mcnemar_exact;
use super::sign_flip::{SignFlip, sign_flip};
use super::t_test::{TTest, t_test};

/// Whether a second run differs from a first on the same items, by tests that assume different things.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PairedTests {
    /// How many independent units there are: items, or clusters of items.
    pub units: u64,
    /// The exact McNemar test; absent where a unit has several pairs or a value is not yes or no.
    pub mcnemar: Option<f64>,
    /// The t-test of the units' mean differences; absent where they have no standard error.
    pub t: Option<TTest>,
    /// The sign-flip permutation test of the units' mean differences: it assumes no distribution.
    pub sign_flip: SignFlip,
    /// Second minus first, by the paired bootstrap over units.
    pub bootstrap: Interval,
}

impl std::fmt::Display for PairedTests {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { units, mcnemar, t, sign_flip, bootstrap } = self;
        let [value, low, high] =
            [bootstrap.value, bootstrap.low, bootstrap.high].map(|share| share * 100.0);
        write!(
            f,
            "{value:+.1} points, bootstrap [{low:+.1}, {high:+.1}], {units} units; p of no change: "
        )?;
        if let Some(p) = mcnemar {
            write!(f, "{} by McNemar, ", shown(*p))?;
        }
        if let Some(t) = t {
            write!(f, "{} by t, ", shown(t.p_value))?;
        }
        write!(f, "{} by sign flips", shown(sign_flip.p_value))
    }
}

/// A p-value with three digits after the point, none of them said to be zero.
pub(crate) fn shown(p: f64) -> String {
    if p < 0.001 { "<0.001".to_owned() } else { format!("{p:.3}") }
}

/// Tests two runs on the same items: each pair is (cluster, first, second).
///
/// All tests take a cluster as one unit, so that samples of one item do not pass for new items. `draws` is the number of
/// bootstrap resamples, and of sign choices where there are too many to count. `None` without pairs or draws, or if a
/// value is not finite.
pub fn paired_tests(pairs: &[(&str, f64, f64)], draws: u32, seed: Seed) -> Option<PairedTests> {
    let differences: Vec<Observation<'_>> =
        pairs.iter().map(|&(cluster, x, y)| Observation { cluster, value: y - x }).collect();
    let units: Vec<f64> =
        clusters(&differences).into_values().map(|c| c.sum / c.count as f64).collect();
    let independent = units.len() == pairs.len();
    let binary = pairs.iter().all(|&(_, x, y)| is_binary(x) && is_binary(y));
    let count = |sign: f64| units.iter().filter(|d| **d * sign > 0.0).count() as u64;
    Some(PairedTests {
        units: units.len() as u64,
        mcnemar: (independent && binary).then(|| mcnemar_exact(count(1.0), count(-1.0))),
        t: t_test(&units),
        sign_flip: sign_flip(&units, draws, seed)?,
        bootstrap: bootstrap(&differences, draws, seed)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_is_one_unit() {
        let pairs = [("a", 0.0, 1.0), ("a", 0.0, 1.0), ("b", 1.0, 1.0), ("c", 0.0, 1.0)];
        let tests = paired_tests(&pairs, 200, Seed(1)).unwrap();
        assert_eq!((tests.units, tests.mcnemar), (3, None));
        assert_eq!(tests.sign_flip, SignFlip { p_value: 0.5, exact: true });
        assert!((tests.bootstrap.value - 0.75).abs() < 1e-12);
        let single = paired_tests(&pairs[1..], 200, Seed(1)).unwrap();
        assert_eq!(single.mcnemar, Some(0.5));
        let text = single.to_string();
        assert!(text.starts_with("+66.7 points, bootstrap ["), "{text}");
        assert!(
            text.contains("3 units; p of no change: 0.500 by McNemar, 0.184 by t, 0.500 by"),
            "{text}"
        );
    }

    #[test]
    fn no_pairs_no_tests() {
        assert_eq!(paired_tests(&[], 10, Seed(1)), None);
        assert_eq!(paired_tests(&[("a", 0.0, 1.0)], 0, Seed(1)), None);
        assert_eq!(paired_tests(&[("a", 0.0, f64::NAN)], 10, Seed(1)), None);
    }
}
