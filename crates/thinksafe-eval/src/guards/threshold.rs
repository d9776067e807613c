//! What a threshold on the probability would do.

use serde::{Deserialize, Serialize};

use super::roc::Scored;

/// What flagging everything of at least a probability does: counts, and the rates made of them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AtThreshold {
    /// The threshold. A filter's policy keeps what is below it.
    pub threshold: f64,
    /// Yes, and flagged.
    pub true_positives: u64,
    /// No, but flagged.
    pub false_positives: u64,
    /// No, and not flagged.
    pub true_negatives: u64,
    /// Yes, but not flagged.
    pub false_negatives: u64,
}

impl AtThreshold {
    /// What this threshold does. Probabilities that are no number are flagged.
    pub fn of(scored: &[Scored], threshold: f64) -> Self {
        let count = |is_yes: bool, flagged: bool| {
            let flags = |p: f64| p.is_nan() || p >= threshold;
            scored.iter().filter(|(p, yes)| *yes == is_yes && flags(*p) == flagged).count() as u64
        };
        Self {
            threshold,
            true_positives: count(true, true),
            false_positives: count(false, true),
            true_negatives: count(false, false),
            false_negatives: count(true, false),
        }
    }

    /// Flagged of those whose answer is yes: sensitivity, recall.
    pub fn true_positive_rate(&self) -> Option<f64> {
        share(self.true_positives, self.false_negatives)
    }

    /// Flagged of those whose answer is no.
    pub fn false_positive_rate(&self) -> Option<f64> {
        share(self.false_positives, self.true_negatives)
    }

    /// Yes of those that are flagged.
    pub fn precision(&self) -> Option<f64> {
        share(self.true_positives, self.false_positives)
    }

    /// The harmonic mean of precision and recall.
    pub fn f1(&self) -> Option<f64> {
        let both = 2 * self.true_positives;
        share(both, self.false_positives + self.false_negatives)
    }

    /// Yes of those that are not flagged: what a filter would let through.
    pub fn missed_share(&self) -> Option<f64> {
        share(self.false_negatives, self.true_negatives)
    }
}

/// `part` of it and the rest together.
fn share(part: u64, rest: u64) -> Option<f64> {
    let whole = part + rest;
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Every multiple of a hundredth from 0 to 1.
pub(super) fn sweep(scored: &[Scored]) -> Vec<AtThreshold> {
    (0..=100).map(|i| AtThreshold::of(scored, f64::from(i) / 100.0)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rates_of_nothing_are_absent() {
        let none = AtThreshold::of(&[], 0.5);
        assert_eq!([none.true_positive_rate(), none.precision(), none.f1()], [None; 3]);
        let nan = AtThreshold::of(&[(f64::NAN, true), (0.5, true), (0.4, false)], 0.5);
        assert_eq!((nan.true_positives, nan.true_negatives), (2, 1));
    }

    proptest! {
        #[test]
        fn a_higher_threshold_flags_no_more(
            scored in prop::collection::vec((0.0..=1.0, any::<bool>()), 1..40),
        ) {
            for pair in sweep(&scored).windows(2) {
                prop_assert!(pair[0].true_positives >= pair[1].true_positives);
                prop_assert!(pair[0].false_positives >= pair[1].false_positives);
            }
        }
    }
}
