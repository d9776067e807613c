//! Intervals of proportions and of their averages.

use serde::{Deserialize, Serialize};

use super::Z_95;
use super::cluster::{Observation, clustered_error, effective_size};

/// An estimate with its 95 % confidence interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// The estimate.
    pub value: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// The Wilson score interval of a proportion: `hits` of `n`, neither of which need be whole numbers.
///
/// With p = hits / n, its centre is (p + z²/2n) / (1 + z²/n) and its half-width
/// z / (1 + z²/n) · √(p(1 − p)/n + z²/4n²) (Wilson, 1927). `None` if `n` is not positive.
///
/// ```
/// use thinksafe_eval::statistics::wilson;
///
/// let interval = wilson(2.0, 200.0).unwrap();
/// assert_eq!(format!("{:.4} {:.4}", interval.low, interval.high), "0.0027 0.0357");
/// ```
pub fn wilson(hits: f64, n: f64) -> Option<Interval> {
    if !(n > 0.0 && n.is_finite() && (0.0..=n).contains(&hits)) {
        return None;
    }
    let value = hits / n;
    let z2 = Z_95 * Z_95 / n;
    let centre = (value + z2 / 2.0) / (1.0 + z2);
    let half = Z_95 / (1.0 + z2) * (value * (1.0 - value) / n + z2 / n / 4.0).sqrt();
    // At 0 and n the ends are exactly 0 and 1; rounding would miss them by an ulp.
    let low = if hits <= 0.0 { 0.0 } else { (centre - half).clamp(0.0, value) };
    let high = if hits >= n { 1.0 } else { (centre + half).clamp(value, 1.0) };
    Some(Interval { value, low, high })
}

/// The proportion or mean degree of observations in [0, 1], with an interval that respects clusters.
///
/// Yes/no observations get the Wilson interval on the [effective number](effective_size) of observations, which for
/// one observation a cluster is their number. Degrees get mean ± z · [clustered standard error](clustered_error), cut to
/// [0, 1]; that of a single cluster is not known, and its interval is all of [0, 1]. `None` if there are no observations.
pub fn proportion(observations: &[Observation<'_>]) -> Option<Interval> {
    let n = observations.len() as f64;
    if observations.is_empty() {
        return None;
    }
    let value = observations.iter().map(|o| o.value).sum::<f64>() / n;
    if observations.iter().all(|o| is_binary(o.value)) {
        let effective = effective_size(observations);
        return wilson((value * effective).clamp(0.0, effective), effective);
    }
    let half = Z_95 * clustered_error(observations).unwrap_or(f64::INFINITY);
    Some(Interval { value, low: (value - half).max(0.0), high: (value + half).min(1.0) })
}

/// Whether a value is a yes or a no. Those are exactly 1 and 0; nothing is computed before.
#[expect(clippy::float_cmp, reason = "0 and 1 are exact")]
pub(super) fn is_binary(value: f64) -> bool {
    value == 0.0 || value == 1.0
}

/// The plain average of independent estimates.
///
/// Its interval combines their limits by squaring and adding (MOVER; Zou and Donner, 2008):
/// low = mean − √Σ(valueᵢ − lowᵢ)² / k, and likewise high. `None` if there are none.
pub fn mean_of_intervals(intervals: &[Interval]) -> Option<Interval> {
    if intervals.is_empty() {
        return None;
    }
    let k = intervals.len() as f64;
    let value = intervals.iter().map(|i| i.value).sum::<f64>() / k;
    let below = intervals.iter().map(|i| (i.value - i.low).powi(2)).sum::<f64>().sqrt() / k;
    let above = intervals.iter().map(|i| (i.high - i.value).powi(2)).sum::<f64>().sqrt() / k;
    Some(Interval { value, low: value - below, high: value + above })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `statsmodels.stats.proportion.proportion_confint(k, n, method="wilson")`, statsmodels 0.15.0.
    const STATSMODELS: [(f64, f64, f64, f64); 10] = [
        (0.0, 10.0, 0.0, 0.277_532_799_862_889_26),
        (1.0, 10.0, 0.017_876_213_095_072_924, 0.404_150_026_795_238_54),
        (5.0, 10.0, 0.236_593_090_512_563_94, 0.763_406_909_487_436_1),
        (10.0, 10.0, 0.722_467_200_137_110_6, 1.0),
        (0.0, 200.0, 0.0, 0.018_845_326_377_266_58),
        (2.0, 200.0, 0.002_746_658_133_544_438_4, 0.035_721_761_716_176_82),
        (196.0, 200.0, 0.949_712_913_094_173_4, 0.992_195_573_583_650_5),
        (491.0, 500.0, 0.966_148_329_091_260_7, 0.990_501_806_703_803),
        (1.0, 1.0, 0.206_549_314_377_237_4, 1.0),
        (333.0, 1000.0, 0.304_477_903_348_356_2, 0.362_800_233_985_819_2),
    ];

    #[test]
    fn wilson_equals_statsmodels() {
        for (hits, n, low, high) in STATSMODELS {
            let interval = wilson(hits, n).unwrap();
            assert!((interval.low - low).abs() < 1e-12, "{hits}/{n}: {interval:?}");
            assert!((interval.high - high).abs() < 1e-12, "{hits}/{n}: {interval:?}");
        }
    }

    #[test]
    fn nothing_observed_is_no_interval() {
        assert_eq!(wilson(0.0, 0.0), None);
        assert_eq!(wilson(2.0, 1.0), None);
        assert_eq!(wilson(f64::NAN, 1.0), None);
        assert_eq!(proportion(&[]), None);
        assert_eq!(mean_of_intervals(&[]), None);
    }

    #[test]
    fn degrees_get_a_mean_and_a_robust_error() {
        let degrees = [0.25, 0.5, 1.0, 0.25];
        let names = ["a", "b", "c", "d"];
        let observations: Vec<_> =
            names.iter().zip(degrees).map(|(c, value)| Observation { cluster: c, value }).collect();
        let interval = proportion(&observations).unwrap();
        assert!((interval.value - 0.5).abs() < 1e-12);
        let half = Z_95 * ((2.0 * 0.0625f64 + 0.25) * 4.0 / 3.0).sqrt() / 4.0;
        assert!((interval.high - (0.5 + half).min(1.0)).abs() < 1e-12, "{interval:?}");
        let alone = proportion(&observations[..1]).unwrap();
        assert_eq!((alone.low, alone.high), (0.0, 1.0));
    }

    #[test]
    fn an_average_of_equal_estimates_is_tighter_by_the_root_of_their_number() {
        let one = Interval { value: 0.5, low: 0.4, high: 0.7 };
        let mean = mean_of_intervals(&[one; 4]).unwrap();
        assert!((mean.low - 0.45).abs() < 1e-12 && (mean.high - 0.6).abs() < 1e-12, "{mean:?}");
    }

    proptest! {
        #[test]
        fn wilson_is_within_bounds_and_holds_its_estimate(n in 1u32..100_000, share in 0.0..=1.0f64) {
            let hits = (f64::from(n) * share).floor();
            let Interval { value, low, high } = wilson(hits, f64::from(n)).unwrap();
            prop_assert!(0.0 <= low && low <= value && value <= high && high <= 1.0);
            prop_assert!(low < high);
        }

        #[test]
        fn wilson_narrows_with_n(n in 1u32..10_000, share in 0.0..=1.0f64) {
            let width = |n: f64| {
                let interval = wilson(share * n, n).unwrap();
                interval.high - interval.low
            };
            prop_assert!(width(f64::from(n) * 4.0) < width(f64::from(n)));
        }
    }
}
