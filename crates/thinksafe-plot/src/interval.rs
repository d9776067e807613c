//! An estimate with its interval, as plots show it.

/// A value and the ends of its interval, in the units of the axis.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct Interval {
    /// The estimate.
    pub value: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Interval {
    pub(crate) fn is_finite(self) -> bool {
        [self.value, self.low, self.high].iter().all(|v| v.is_finite())
    }
}
