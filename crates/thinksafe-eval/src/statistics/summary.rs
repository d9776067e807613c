//! The distribution of a quantity such as a length.

use serde::{Deserialize, Serialize};

use super::Z_95;
use super::interval::Interval;

/// Mean and quantiles of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// How many values.
    pub n: u64,
    /// Their mean, ± z · standard error (n − 1); of a single value, the value.
    pub mean: Interval,
    /// The median.
    pub median: f64,
    /// The 90 % quantile.
    pub p90: f64,
    /// The largest.
    pub max: f64,
}

impl Summary {
    /// Summarises finite values; `None` if there are none. Quantiles are interpolated linearly, as numpy does.
    pub fn of(values: &[f64]) -> Option<Self> {
        if values.is_empty() || !values.iter().all(|v| v.is_finite()) {
            return None;
        }
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let n = sorted.len() as f64;
        let mean = sorted.iter().sum::<f64>() / n;
        let squares: f64 = sorted.iter().map(|v| (v - mean).powi(2)).sum();
        let half = if n > 1.0 { Z_95 * (squares / (n - 1.0) / n).sqrt() } else { 0.0 };
        Some(Self {
            n: sorted.len() as u64,
            mean: Interval { value: mean, low: mean - half, high: mean + half },
            median: quantile(&sorted, 0.5),
            p90: quantile(&sorted, 0.9),
            max: sorted[sorted.len() - 1],
        })
    }
}

/// A quantile of sorted values, interpolated linearly.
pub(super) fn quantile(sorted: &[f64], q: f64) -> f64 {
    let position = (sorted.len() - 1) as f64 * q;
    let below = position.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * position.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_equals_numpy() {
        let summary = Summary::of(&[12.0, 15.0, 11.0, 30.0, 2.0, 8.0, 8.5]).unwrap();
        assert!((summary.mean.value - 12.357_142_857_142_858).abs() < 1e-12);
        let error = (summary.mean.high - summary.mean.value) / Z_95;
        assert!((error - 3.314_316_502_320_052).abs() < 1e-12);
        assert!((summary.median - 11.0).abs() < 1e-12 && (summary.p90 - 21.0).abs() < 1e-12);
    }

    #[test]
    fn one_value_and_none() {
        let one = Summary::of(&[3.0]).unwrap();
        assert_eq!((one.mean.low, one.mean.high, one.p90, one.max), (3.0, 3.0, 3.0, 3.0));
        assert_eq!(Summary::of(&[]), None);
        assert_eq!(Summary::of(&[f64::NAN]), None);
    }
}
