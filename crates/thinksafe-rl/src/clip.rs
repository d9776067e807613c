//! The clipped surrogate: how far a ratio may pay off.

use serde::{Deserialize, Serialize};

use crate::Error;

/// The range outside which a ratio no longer pays: [1 - low, 1 + high].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "plain settings")]
pub struct Clip {
    /// How far below 1.
    pub low: f64,
    /// How far above 1; more than `low` is DAPO's "clip higher".
    pub high: f64,
}

impl Clip {
    /// The same on both sides.
    pub fn symmetric(epsilon: f64) -> Self {
        Self { low: epsilon, high: epsilon }
    }

    pub(crate) fn validate(self) -> Result<(), Error> {
        let Self { low, high } = self;
        if (0.0..=1.0).contains(&low) && high >= 0.0 && high.is_finite() {
            return Ok(());
        }
        let reason = format!("expected low in [0, 1] and high from 0, found {low} and {high}");
        Err(Error::Config { field: "clip", reason })
    }

    /// The loss of a token, -min(ratio A, clipped ratio A), and its derivative by the ratio.
    pub(crate) fn loss(self, ratio: f64, advantage: f64) -> (f64, f64) {
        if self.cuts(ratio, advantage).is_some() {
            let clipped = ratio.clamp(1.0 - self.low, 1.0 + self.high);
            return (-clipped * advantage, 0.0);
        }
        (-ratio * advantage, -advantage)
    }

    /// On which side the ratio is cut, if it is: only where it has gone where the advantage wants it.
    pub(crate) fn cuts(self, ratio: f64, advantage: f64) -> Option<Side> {
        if advantage < 0.0 && ratio < 1.0 - self.low {
            Some(Side::Low)
        } else if advantage > 0.0 && ratio > 1.0 + self.high {
            Some(Side::High)
        } else {
            None
        }
    }
}

/// An end of the range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Low,
    High,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pessimistic_side_is_never_cut() {
        let clip = Clip { low: 0.2, high: 0.3 };
        // Ratio and advantage: the loss, and whether it still moves.
        let cases = [
            (1.5, 1.0, -1.3, false),
            (1.5, -1.0, 1.5, true),
            (0.5, 1.0, -0.5, true),
            (0.5, -1.0, 0.8, false),
            (1.25, 1.0, -1.25, true),
        ];
        for (ratio, advantage, expected, moves) in cases {
            let (loss, slope) = clip.loss(ratio, advantage);
            assert!((loss - expected).abs() < 1e-12, "{ratio} {advantage}: {loss}");
            assert_eq!(slope != 0.0, moves, "{ratio} {advantage}");
        }
    }

    #[test]
    fn ranges_without_sense_are_refused() {
        for clip in
            [Clip { low: 1.5, high: 0.2 }, Clip { low: 0.2, high: -0.1 }, Clip::symmetric(f64::NAN)]
        {
            assert!(clip.validate().is_err());
        }
        Clip::symmetric(0.2).validate().unwrap();
    }
}
