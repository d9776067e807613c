//! Two runs on the same items.

use serde::{Deserialize, Serialize};

use super::Z_95;
use super::cluster::{Observation, clustered_error, clusters, effective_size};
use super::interval::{Interval, is_binary, wilson};

/// How a second run differs from a first on the same items.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PairedDifference {
    /// Second minus first, with its 95 % interval.
    pub difference: Interval,
    /// How many pairs have a score in both runs.
    pub pairs: u64,
    /// Pairs whose value rose.
    pub rose: u64,
    /// Pairs whose value fell.
    pub fell: u64,
    /// The two-sided exact McNemar test of no difference; absent where pairs are not independent or not yes/no.
    pub p_value: Option<f64>,
}

/// Compares two runs on the same items: each pair is (cluster, first, second), values in [0, 1].
///
/// Yes/no values get Newcombe's square-and-add interval for paired proportions (method 10 of Newcombe, 1998),
/// its counts scaled to the effective number of pairs if clusters have several; degrees get mean difference
/// ± z · [clustered standard error](clustered_error). `None` if there are no pairs.
pub fn paired_difference(pairs: &[(&str, f64, f64)]) -> Option<PairedDifference> {
    if pairs.is_empty() {
        return None;
    }
    let n = pairs.len() as f64;
    let differences: Vec<Observation<'_>> =
        pairs.iter().map(|&(cluster, x, y)| Observation { cluster, value: y - x }).collect();
    let count = |keep: fn(f64) -> bool| differences.iter().filter(|d| keep(d.value)).count() as u64;
    let (rose, fell) = (count(|d| d > 0.0), count(|d| d < 0.0));
    let binary = pairs.iter().all(|&(_, x, y)| is_binary(x) && is_binary(y));
    let units = clusters(&differences).len();
    let difference = if binary {
        let scale = effective_size(&differences) / n;
        newcombe(&Table::new(pairs, scale))?
    } else {
        wald(&differences)
    };
    let independent = binary && units == pairs.len();
    let p_value = independent.then(|| mcnemar_exact(rose, fell));
    Some(PairedDifference { difference, pairs: pairs.len() as u64, rose, fell, p_value })
}

/// Counts of pairs by (first, second); scaled counts need not be whole.
struct Table {
    both: f64,
    only_first: f64,
    only_second: f64,
    neither: f64,
}

impl Table {
    fn new(pairs: &[(&str, f64, f64)], scale: f64) -> Self {
        let count = |first: bool, second: bool| {
            let alike = |&&(_, x, y): &&(&str, f64, f64)| (x > 0.5, y > 0.5) == (first, second);
            scale * pairs.iter().filter(alike).count() as f64
        };
        Self {
            both: count(true, true),
            only_first: count(true, false),
            only_second: count(false, true),
            neither: count(false, false),
        }
    }

    fn total(&self) -> f64 {
        self.both + self.only_first + self.only_second + self.neither
    }

    /// The correlation of the two runs, with Newcombe's continuity correction towards 0 where it is positive.
    fn correlation(&self) -> f64 {
        let Self { both, only_first, only_second, neither } = self;
        let margins = (both + only_first)
            * (only_second + neither)
            * (both + only_second)
            * (only_first + neither);
        if margins <= 0.0 {
            return 0.0;
        }
        let product = both * neither - only_first * only_second;
        let corrected =
            if product > 0.0 { (product - self.total() / 2.0).max(0.0) } else { product };
        (corrected / margins.sqrt()).clamp(-1.0, 1.0)
    }
}

fn newcombe(table: &Table) -> Option<Interval> {
    let n = table.total();
    let first = wilson((table.both + table.only_first).min(n), n)?;
    let second = wilson((table.both + table.only_second).min(n), n)?;
    let phi = table.correlation();
    let reach = |a: f64, b: f64| (a * a - 2.0 * phi * a * b + b * b).max(0.0).sqrt();
    let value = second.value - first.value;
    let below = reach(second.value - second.low, first.high - first.value);
    let above = reach(second.high - second.value, first.value - first.low);
    Some(Interval { value, low: value - below, high: value + above })
}

fn wald(differences: &[Observation<'_>]) -> Interval {
    let n = differences.len() as f64;
    let value = differences.iter().map(|d| d.value).sum::<f64>() / n;
    let half = Z_95 * clustered_error(differences).unwrap_or(f64::INFINITY);
    Interval { value, low: (value - half).max(-1.0), high: (value + half).min(1.0) }
}

/// McNemar's exact test, two-sided: the p-value of `b` and `c` discordant pairs coming from a fair coin.
pub fn mcnemar_exact(b: u64, c: u64) -> f64 {
    let n = b + c;
    // Binomial terms relative to one another by logarithms: 2⁻ⁿ alone underflows from n = 1075 on.
    let mut log_term = -(n as f64) * std::f64::consts::LN_2;
    let mut tail = 0.0;
    for k in 0..=b.min(c) {
        tail += log_term.exp();
        log_term += ((n - k) as f64 / (k + 1) as f64).ln();
    }
    (2.0 * tail).min(1.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pairs_of(counts: [usize; 4]) -> Vec<(String, f64, f64)> {
        let kinds = [(1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (0.0, 0.0)];
        let all = kinds.iter().zip(counts).flat_map(|(&(x, y), n)| (0..n).map(move |_| (x, y)));
        all.enumerate().map(|(i, (x, y))| (i.to_string(), x, y)).collect()
    }

    fn compare(pairs: &[(String, f64, f64)]) -> PairedDifference {
        let borrowed: Vec<_> = pairs.iter().map(|(c, x, y)| (c.as_str(), *x, *y)).collect();
        paired_difference(&borrowed).unwrap()
    }

    /// `statsmodels.stats.contingency_tables.mcnemar(..., exact=True)`, statsmodels 0.15.0.
    #[test]
    fn mcnemar_equals_statsmodels() {
        let golden = [
            (1, 0, 1.0),
            (5, 1, 0.21875),
            (10, 2, 0.038_574_218_75),
            (0, 20, 1.907_348_632_812_5e-6),
            (60, 40, 0.056_887_933_640_980_89),
            (190, 3, 1.909_062_574_602_640_6e-52),
        ];
        for (b, c, p) in golden {
            let ours = mcnemar_exact(b, c);
            assert!((ours / p - 1.0).abs() < 1e-9, "{b} {c}: {ours} {p}");
        }
        assert!((mcnemar_exact(0, 0) - 1.0).abs() < 1e-12);
    }

    /// Airway hyper-responsiveness (Bentur et al., 2009), the worked example of Fagerland, Lydersen and Laake: -0.507
    /// to -0.026 for first minus second; the others from a direct transcription of Newcombe's formula.
    #[test]
    fn newcombe_equals_worked_examples() {
        let golden = [
            ([1, 1, 7, 12], 0.025_559_124_164_859_78, 0.506_920_226_686_141),
            ([20, 12, 2, 2], -0.453_534_323_615_59, -0.077_610_776_393_383_12),
            ([0, 196, 2, 2], -0.988_050_180_256_247, -0.918_278_986_007_606_9),
            ([480, 6, 9, 5], -0.010_793_016_100_893_879, 0.023_612_196_053_139_932),
            ([10, 0, 0, 0], -0.277_532_799_862_889_26, 0.277_532_799_862_889_26),
        ];
        for (counts, low, high) in golden {
            let Interval { low: our_low, high: our_high, .. } =
                compare(&pairs_of(counts)).difference;
            assert!((our_low - low).abs() < 1e-9, "{counts:?}: {our_low} {low}");
            assert!((our_high - high).abs() < 1e-9, "{counts:?}: {our_high} {high}");
        }
    }

    #[test]
    fn no_pairs_give_no_difference() {
        assert_eq!(paired_difference(&[]), None);
    }

    #[test]
    fn repeats_of_an_item_do_not_narrow_the_interval() {
        let once = pairs_of([3, 9, 2, 6]);
        let twice: Vec<_> = once.iter().chain(&once).cloned().collect();
        let (a, b) = (compare(&once), compare(&twice));
        assert!((a.difference.low - b.difference.low).abs() < 1e-9, "{a:?} {b:?}");
        assert!(a.p_value.is_some() && b.p_value.is_none());
    }

    #[test]
    fn degrees_get_a_robust_interval_and_no_mcnemar() {
        let pairs = [("a", 0.5, 0.75), ("b", 0.25, 0.75)];
        let result = paired_difference(&pairs).unwrap();
        let half = Z_95 * (2.0 * 2.0 * 0.125f64 * 0.125).sqrt() / 2.0;
        assert!((result.difference.value - 0.375).abs() < 1e-12);
        assert!((result.difference.high - (0.375 + half)).abs() < 1e-12, "{result:?}");
        assert_eq!((result.rose, result.fell, result.p_value), (2, 0, None));
    }

    proptest! {
        #[test]
        fn the_interval_holds_the_difference_and_flips_with_the_runs(
            a in 0usize..30, b in 0usize..30, c in 0usize..30, d in 1usize..30,
        ) {
            let forward = compare(&pairs_of([a, b, c, d])).difference;
            let backward = compare(&pairs_of([a, c, b, d])).difference;
            prop_assert!(-1.0 - 1e-9 <= forward.low && forward.high <= 1.0 + 1e-9);
            prop_assert!(forward.low <= forward.value && forward.value <= forward.high);
            prop_assert!((forward.low + backward.high).abs() < 1e-9);
        }
    }
}
