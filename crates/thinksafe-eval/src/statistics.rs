//! Intervals and paired comparisons whose unit is the independent item.

mod cluster;
mod interval;
mod paired;
mod summary;

pub use cluster::{Observation, effective_size};
pub use interval::{Interval, mean_of_intervals, proportion, wilson};
pub use paired::{PairedDifference, paired_difference};
pub use summary::Summary;

/// The 97.5 % quantile of the standard normal distribution: all intervals are at 95 %.
pub const Z_95: f64 = 1.959_963_984_540_054;
