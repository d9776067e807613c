//! Student's t-test of paired differences.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// A paired t-test.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TTest {
    /// The mean difference over its standard error.
    pub t: f64,
    /// One less than the number of differences.
    pub degrees_of_freedom: u64,
    /// The two-sided p-value of no difference.
    pub p_value: f64,
}

/// Tests that the mean of differences is zero; each difference is one independent unit.
///
/// `None` for fewer than two differences, for differences that are all equal, which have no standard error, and for
/// what is not finite.
pub fn t_test(differences: &[f64]) -> Option<TTest> {
    let n = differences.len() as f64;
    let mean = differences.iter().sum::<f64>() / n;
    let squares: f64 = differences.iter().map(|d| (d - mean).powi(2)).sum();
    let first = *differences.first()?;
    if differences.iter().all(|d| *d == first) {
        return None;
    }
    let t = mean / (squares / (n - 1.0) / n).sqrt();
    let distribution = StudentsT::new(0.0, 1.0, n - 1.0).ok()?;
    t.is_finite().then(|| TTest {
        t,
        degrees_of_freedom: differences.len() as u64 - 1,
        p_value: (2.0_f64 * distribution.sf(t.abs())).min(1.0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_standard_error_has_no_test() {
        for differences in
            [&[][..], &[1.0], &[0.1, 0.1, 0.1], &[f64::NAN, 1.0], &[f64::INFINITY, 1.0]]
        {
            assert_eq!(t_test(differences), None, "{differences:?}");
        }
    }

    #[test]
    fn differences_that_cancel_are_no_evidence() {
        let test = t_test(&[1.0, -1.0, 2.0, -2.0]).unwrap();
        assert_eq!((test.t, test.degrees_of_freedom), (0.0, 3));
        assert!((test.p_value - 1.0).abs() < 1e-12, "{test:?}");
    }
}
