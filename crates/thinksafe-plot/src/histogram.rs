//! The distributions of several series, overlaid.

use crate::axis::{self, Frame, Scale};
use crate::svg::{Svg, series_class};

/// Named values.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The run.
    pub name: String,
    /// One a response.
    pub values: Vec<f64>,
}

/// Draws each series as a filled outline of shares in percent. Values above the 99.5 % quantile of all share the
/// last bin, lest one outlier press the rest together.
pub fn histogram(series: &[Series], x_title: &str, y_title: &str) -> String {
    let mut all: Vec<f64> =
        series.iter().flat_map(|s| &s.values).copied().filter(|v| v.is_finite()).collect();
    all.sort_by(f64::total_cmp);
    let low = all.first().copied().unwrap_or(0.0);
    let high = all.get((all.len() as f64 * 0.995) as usize).or(all.last()).copied();
    let legend: Vec<_> =
        series.iter().enumerate().map(|(i, s)| (series_class(i), s.name.clone())).collect();
    let mut svg = Svg::new(460.0, 340.0);
    let top = svg.legend(2.0, 52.0, &legend) + 8.0;
    let frame = Frame { left: 52.0, right: 446.0, top, bottom: 292.0 };
    let x = Scale::new(low, high.unwrap_or(1.0), frame.left, frame.right);
    let shares: Vec<Vec<f64>> = series.iter().map(|s| shares(&s.values, &x)).collect();
    let tallest = shares.iter().flatten().copied().fold(0.0, f64::max);
    let y = Scale::new(0.0, tallest * 1.05, frame.bottom, frame.top);
    axis::draw(&mut svg, frame, (&x, x_title), (&y, y_title));
    for (i, shares) in shares.iter().enumerate().filter(|(_, s)| !s.is_empty()) {
        svg.path(&format!("area {}", series_class(i)), &outline(shares, frame, &y));
    }
    svg.finish(&format!("distribution of {x_title}"))
}

/// The share of values in each bin, in percent; empty if there are no values.
fn shares(values: &[f64], x: &Scale) -> Vec<f64> {
    let finite: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    if finite.is_empty() {
        return Vec::new();
    }
    let mut shares = vec![0.0; BINS];
    for value in &finite {
        let place = (value - x.low) / (x.high - x.low) * BINS as f64;
        shares[(place.max(0.0) as usize).min(BINS - 1)] += 100.0 / finite.len() as f64;
    }
    shares
}

fn outline(shares: &[f64], frame: Frame, y: &Scale) -> Vec<(f64, f64)> {
    let width = (frame.right - frame.left) / shares.len() as f64;
    let edge = |bin: usize| frame.left + width * bin as f64;
    let mut points = vec![(frame.left, frame.bottom)];
    for (bin, share) in shares.iter().enumerate() {
        points.extend([(edge(bin), y.at(*share)), (edge(bin + 1), y.at(*share))]);
    }
    points.push((frame.right, frame.bottom));
    points
}

const BINS: usize = 32;
