//! Intervals and paired comparisons whose unit is the independent item.
//!
//! Which one to quote: a rate of one run by [`proportion`]; a rate at k samples by [`pass_at_k`]; the change between two
//! runs by [`paired_difference`], and whether it is more than chance by [`paired_tests`]; where several are tested at
//! once, by [`holm`]; whether two groups of values within each of many strata differ by [`stratified_permutation`], and
//! how much likelier a yes is in one by [`mantel_haenszel`]; methods that were each run with several seeds by
//! [`rate_over_seeds`] and [`difference_over_seeds`].

mod bootstrap;
mod cluster;
mod holm;
mod interval;
mod odds_ratio;
mod over_seeds;
mod paired;
pub(crate) mod paired_tests;
mod pass_at_k;
mod permutation;
mod sign_flip;
mod summary;
mod t_test;

pub use bootstrap::{bootstrap, bootstrap_ratio};
pub use cluster::{Observation, clustered_error, effective_size};
pub use holm::holm;
pub use interval::{Interval, mean_of_intervals, proportion, wilson};
pub use odds_ratio::{TwoByTwo, mantel_haenszel};
pub use over_seeds::{SeededColumn, difference_over_seeds, mean_of_seeds, rate_over_seeds};
pub use paired::{PairedDifference, mcnemar_exact, paired_difference};
pub(crate) use paired_tests::shown as shown_p_value;
pub use paired_tests::{PairedTests, paired_tests};
pub use pass_at_k::pass_at_k;
pub use permutation::{StratifiedPermutation, Stratum, stratified_permutation};
pub use sign_flip::{SignFlip, sign_flip};
pub use summary::Summary;
pub use t_test::{TTest, t_test};

/// The 97.5 % quantile of the standard normal distribution: all intervals are at 95 %.
pub const Z_95: f64 = 1.959_963_984_540_054;
