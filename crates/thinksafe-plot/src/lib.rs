//! Plots as inline SVG, and the page that they stand on: self-contained, without a script, without a request to anywhere.
//!
//! Each plot is a function from data to an `<svg>` element. Colours come from the page's style sheet by class; `s0`,
//! `s1`, ... are the series in order. Data that is not finite is left out, so that no coordinate is; every text is
//! escaped. [`page()`] puts a body of such elements into the frame with the style sheet.
//!
//! ```
//! use thinksafe_plot::{Curve, Figure, curves, figures, page};
//!
//! let loss = Curve::noisy("training", vec![(1.0, 2.3), (2.0, 1.9), (3.0, 1.8)]);
//! let svg = curves(&[loss], "optimizer step", "loss");
//! let figure = Figure { title: "Loss".to_owned(), caption: String::new(), svg };
//! let html = page("A run", &figures(&[figure]));
//! assert!(html.starts_with("<!DOCTYPE html>") && html.contains("<svg "));
//! ```

mod axis;
mod bars;
mod cloud;
mod curve;
mod escape;
mod forest;
mod histogram;
mod interval;
mod page;
mod scatter;
mod square;
mod svg;

pub use bars::{Bar, BarGroup, Stack, bars, stacks};
pub use cloud::{Marked, cloud};
pub use curve::{Curve, curves};
pub use escape::escape;
pub use forest::forest;
pub use histogram::{Series, histogram};
pub use interval::Interval;
pub use page::{Figure, columns, facts, figures, page};
pub use scatter::{Path, Point, scatter};
pub use square::square;

#[cfg(test)]
mod tests;
