//! Odds ratios of two-by-two tables, alone and over strata.

use super::Z_95;
use super::interval::Interval;

/// How often something happened in two groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "four counts")]
pub struct TwoByTwo {
    /// Yes in the first group.
    pub first_yes: u64,
    /// No in the first group.
    pub first_no: u64,
    /// Yes in the second group.
    pub second_yes: u64,
    /// No in the second group.
    pub second_no: u64,
}

impl TwoByTwo {
    /// The odds of a yes in the second group over those in the first, with a half added to each count (Haldane, 1956;
    /// Anscombe, 1956), so that it is finite; the interval is that of its logarithm (Gart, 1966).
    pub fn odds_ratio(&self) -> Interval {
        let [a, b, c, d] = self.counts().map(|count| count + 0.5);
        let ratio = a * d / (b * c);
        around(ratio, (1.0 / a + 1.0 / b + 1.0 / c + 1.0 / d).sqrt())
    }

    /// Second yes, second no, first yes, first no.
    fn counts(&self) -> [f64; 4] {
        [self.second_yes, self.second_no, self.first_yes, self.first_no].map(|count| count as f64)
    }
}

/// The odds ratio that strata have in common (Mantel and Haenszel, 1959), second group over first, with the interval of its
/// logarithm by the variance of Robins, Breslow and Greenland (1986), which holds for many small strata as for few large
/// ones.
///
/// A stratum in which one group is empty, or all answers are alike, does not count. `None` if none is left, or the ratio is
/// 0 or infinite: no stratum has a yes in the one group and a no in the other.
pub fn mantel_haenszel(strata: &[TwoByTwo]) -> Option<Interval> {
    let (mut ups, mut downs) = (0.0, 0.0);
    let (mut like_up, mut mixed, mut unlike_down) = (0.0, 0.0, 0.0);
    for stratum in strata {
        let [a, b, c, d] = stratum.counts();
        let all = a + b + c + d;
        if all > 0.0 {
            let (alike, unlike) = ((a + d) / all, (b + c) / all);
            let (up, down) = (a * d / all, b * c / all);
            ups += up;
            downs += down;
            like_up += alike * up;
            mixed += alike * down + unlike * up;
            unlike_down += unlike * down;
        }
    }
    let twice = like_up / (ups * ups) + mixed / (ups * downs) + unlike_down / (downs * downs);
    (ups > 0.0 && downs > 0.0).then(|| around(ups / downs, (twice / 2.0).sqrt()))
}

/// A ratio with the interval of its logarithm.
fn around(ratio: f64, error: f64) -> Interval {
    let factor = (Z_95 * error).exp();
    Interval { value: ratio, low: ratio / factor, high: ratio * factor }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table([first_yes, first_no, second_yes, second_no]: [u64; 4]) -> TwoByTwo {
        TwoByTwo { first_yes, first_no, second_yes, second_no }
    }

    #[test]
    fn one_stratum_gives_its_own_odds_ratio() {
        let ratio = mantel_haenszel(&[table([1, 7, 6, 2])]).unwrap();
        assert!((ratio.value - 21.0).abs() < 1e-12, "{ratio:?}");
        let alike = table([3, 5, 3, 5]).odds_ratio();
        assert!((alike.value - 1.0).abs() < 1e-12 && alike.low < 1.0 && alike.high > 1.0);
        assert!(table([0, 8, 8, 0]).odds_ratio().high.is_finite());
    }

    #[test]
    fn what_no_stratum_tells_is_absent() {
        for strata in
            [&[][..], &[table([0, 8, 8, 0])], &[table([0, 0, 3, 4])], &[table([4, 0, 4, 0])]]
        {
            assert_eq!(mantel_haenszel(strata), None, "{strata:?}");
        }
    }
}
