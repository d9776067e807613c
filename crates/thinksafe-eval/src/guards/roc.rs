//! How well a probability tells the classes apart, over all thresholds.

use serde::{Deserialize, Serialize};

/// A judge's probability that the answer is yes, and whether it is.
pub type Scored = (f64, bool);

/// The receiver operating characteristic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Roc {
    /// From (0, 0) to (1, 1): the share of no that is flagged and of yes that is found, as the threshold falls; a point
    /// for each probability that occurs.
    pub points: Vec<RocPoint>,
    /// The area below: how often a yes has a higher probability than a no, ties counting half.
    pub auc: f64,
}

/// A threshold's rates.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RocPoint {
    /// What is flagged is at least this; absent where nothing is flagged.
    pub threshold: Option<f64>,
    /// Flagged of those whose answer is no.
    pub false_positive_rate: f64,
    /// Flagged of those whose answer is yes.
    pub true_positive_rate: f64,
}

impl Roc {
    /// The curve of these probabilities; `None` if one is not a number, or yes or no does not occur.
    ///
    /// ```
    /// use thinksafe_eval::guards::Roc;
    ///
    /// let roc = Roc::of(&[(0.9, true), (0.4, true), (0.4, false), (0.1, false)]).unwrap();
    /// assert_eq!(roc.auc, 0.875);
    /// ```
    pub fn of(scored: &[Scored]) -> Option<Self> {
        if scored.iter().any(|(p, _)| p.is_nan()) {
            return None;
        }
        let yes = scored.iter().filter(|(_, is_yes)| *is_yes).count();
        let no = scored.len() - yes;
        if yes == 0 || no == 0 {
            return None;
        }
        let mut sorted = scored.to_vec();
        sorted.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        let (mut found, mut flagged) = (0, 0);
        let point = |threshold, flagged: usize, found: usize| RocPoint {
            threshold,
            false_positive_rate: flagged as f64 / no as f64,
            true_positive_rate: found as f64 / yes as f64,
        };
        let mut points = vec![point(None, 0, 0)];
        for same in sorted.chunk_by(|(a, _), (b, _)| a == b) {
            let yes = same.iter().filter(|(_, is_yes)| *is_yes).count();
            found += yes;
            flagged += same.len() - yes;
            points.push(point(same.first().map(|(p, _)| *p), flagged, found));
        }
        let auc = points.windows(2).map(|pair| area(&pair[0], &pair[1])).sum();
        Some(Self { points, auc })
    }
}

/// The area below the line from one point to the next.
fn area(a: &RocPoint, b: &RocPoint) -> f64 {
    (b.false_positive_rate - a.false_positive_rate)
        * f64::midpoint(a.true_positive_rate, b.true_positive_rate)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_class_or_no_number_gives_no_curve() {
        assert_eq!(Roc::of(&[]), None);
        assert_eq!(Roc::of(&[(0.3, true)]), None);
        assert_eq!(Roc::of(&[(f64::NAN, true), (0.1, false)]), None);
    }

    proptest! {
        #[test]
        fn the_area_counts_ordered_pairs(
            yes in prop::collection::vec(0u8..6, 1..12), no in prop::collection::vec(0u8..6, 1..12),
        ) {
            let scored: Vec<Scored> = yes.iter().map(|p| (f64::from(*p), true))
                .chain(no.iter().map(|p| (f64::from(*p), false))).collect();
            let won: f64 = yes.iter().flat_map(|y| no.iter().map(move |n| match y.cmp(n) {
                std::cmp::Ordering::Greater => 1.0,
                std::cmp::Ordering::Equal => 0.5,
                std::cmp::Ordering::Less => 0.0,
            })).sum();
            let roc = Roc::of(&scored).unwrap();
            prop_assert!((roc.auc - won / (yes.len() * no.len()) as f64).abs() < 1e-12);
            let rates = |p: &RocPoint| (p.false_positive_rate, p.true_positive_rate);
            prop_assert_eq!(rates(&roc.points[0]), (0.0, 0.0));
            prop_assert_eq!(rates(&roc.points[roc.points.len() - 1]), (1.0, 1.0));
        }
    }
}
