//! Claims about differences between arms, and whether they hold.

use serde::{Deserialize, Serialize};

use super::Comparison;
use super::measure::Measure;
use crate::statistics::Interval;

/// A claim that the difference `second` - `first` lies on one side of a margin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "plain data that callers fill in")]
pub struct Claim {
    /// The claim in words, with where it is made.
    pub text: String,
    /// The arm that is subtracted.
    pub first: String,
    /// The arm that it is subtracted from.
    pub second: String,
    /// What of them.
    pub measure: Measure,
    /// On which side of the margin the difference is to lie.
    pub side: Side,
    /// The margin, as a share; 0 unless a small loss is allowed for.
    pub margin: f64,
}

/// A side of a margin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "a line has two sides")]
pub enum Side {
    /// Less than it.
    Below,
    /// More than it.
    Above,
}

/// Where a claim stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "all that an interval can say")]
pub enum Standing {
    /// The whole interval is on the claimed side.
    Holds,
    /// The whole interval is on the other side.
    Fails,
    /// The interval contains the margin.
    Open,
    /// An arm, or what is compared of it, is missing.
    NotMeasured,
}

impl Standing {
    /// In a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Fails => "fails",
            Self::Open => "open",
            Self::NotMeasured => "not measured",
        }
    }
}

impl Claim {
    /// The difference that it speaks of.
    pub fn difference(&self, comparison: &Comparison) -> Option<Interval> {
        comparison.difference(&self.first, &self.second, self.measure)
    }

    /// Where it stands.
    pub fn standing(&self, comparison: &Comparison) -> Standing {
        let Some(interval) = self.difference(comparison) else { return Standing::NotMeasured };
        let (below, above) = (interval.high < self.margin, interval.low > self.margin);
        match (self.side, below, above) {
            (Side::Below, true, _) | (Side::Above, _, true) => Standing::Holds,
            (Side::Below, _, true) | (Side::Above, true, _) => Standing::Fails,
            _ => Standing::Open,
        }
    }
}
