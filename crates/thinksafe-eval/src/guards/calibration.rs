//! Whether a probability is one: of what is given 0.8, four fifths should be so.

use serde::{Deserialize, Serialize};

use super::roc::Scored;

/// A reliability diagram's data, and its summary in two numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// The bins that are not empty, lowest first.
    pub bins: Vec<Bin>,
    /// The expected calibration error: the mean distance between probability and share over the bins, weighted by
    /// their counts (Naeini et al., 2015).
    pub ece: f64,
    /// The mean squared distance between probability and answer (Brier, 1950), which knows no bins.
    pub brier: f64,
}

/// Probabilities within (low, high]; the first bin includes 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bin {
    /// Where it begins.
    pub low: f64,
    /// Where it ends.
    pub high: f64,
    /// How many probabilities are in it.
    pub count: u64,
    /// Their mean.
    pub mean: f64,
    /// The share of them whose answer is yes.
    pub share: f64,
}

impl Calibration {
    /// How many bins of equal width are customary.
    pub const BINS: usize = 10;

    /// The calibration of probabilities in [0, 1], over bins of equal width; `None` if there are none, one is out of
    /// range, or there is no bin.
    pub fn of(scored: &[Scored], bins: usize) -> Option<Self> {
        if scored.is_empty() || bins == 0 || !scored.iter().all(|(p, _)| (0.0..=1.0).contains(p)) {
            return None;
        }
        let edge = |i: usize| i as f64 / bins as f64;
        let mut inside: Vec<Vec<Scored>> = vec![Vec::new(); bins];
        for (p, is_yes) in scored {
            let place = (1..bins).take_while(|i| *p > edge(*i)).count();
            inside[place].push((*p, *is_yes));
        }
        let bins = inside.iter().enumerate().filter_map(|(i, inside)| {
            let n = inside.len() as f64;
            (!inside.is_empty()).then(|| Bin {
                low: edge(i),
                high: edge(i + 1),
                count: inside.len() as u64,
                mean: inside.iter().map(|(p, _)| p).sum::<f64>() / n,
                share: inside.iter().filter(|(_, is_yes)| *is_yes).count() as f64 / n,
            })
        });
        let bins: Vec<Bin> = bins.collect();
        let n = scored.len() as f64;
        let ece = bins.iter().map(|b| b.count as f64 / n * (b.share - b.mean).abs()).sum();
        let error = |(p, is_yes): &Scored| (p - f64::from(u8::from(*is_yes))).powi(2);
        Some(Self { bins, ece, brier: scored.iter().map(error).sum::<f64>() / n })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn edges_belong_to_the_bin_below() {
        let calibration = Calibration::of(&[(0.0, false), (0.5, true), (1.0, true)], 2).unwrap();
        let counts: Vec<u64> = calibration.bins.iter().map(|bin| bin.count).collect();
        assert_eq!(counts, [2, 1]);
        assert_eq!(Calibration::of(&[(1.1, true)], 2), None);
        assert_eq!(Calibration::of(&[(f64::NAN, true)], 2), None);
        assert_eq!(Calibration::of(&[], 2), None);
    }

    proptest! {
        #[test]
        fn bins_hold_everything_and_errors_are_within_their_range(
            scored in prop::collection::vec((0.0..=1.0, any::<bool>()), 1..60), bins in 1usize..20,
        ) {
            let calibration = Calibration::of(&scored, bins).unwrap();
            prop_assert_eq!(calibration.bins.iter().map(|bin| bin.count).sum::<u64>(), scored.len() as u64);
            prop_assert!((0.0..=1.0).contains(&calibration.ece) && (0.0..=1.0).contains(&calibration.brier));
            for bin in &calibration.bins {
                prop_assert!(bin.low <= bin.mean + 1e-12 && bin.mean <= bin.high + 1e-12);
            }
        }
    }
}
