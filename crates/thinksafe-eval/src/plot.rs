//! Plots as inline SVG. Colours come from the page's style sheet by class; `s0`, `s1`, ... are the runs in order.
//!
//! Data that is not finite is left out, so that no coordinate is; every text is escaped.

mod axis;
mod bars;
mod curve;
mod histogram;
mod scatter;
mod svg;

pub(crate) use bars::{Bar, BarGroup, Stack, bars, stacks};
pub(crate) use curve::curve;
pub(crate) use histogram::{Series, histogram};
pub(crate) use scatter::{Point, scatter};

#[cfg(test)]
mod tests;
