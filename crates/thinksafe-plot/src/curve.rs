//! Curves over a common axis: noisy ones with their moving average, and those of few points.

use crate::axis::{self, Frame, Scale};
use crate::svg::{Svg, series_class};

/// A named curve.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    name: String,
    points: Vec<(f64, f64)>,
    style: Style,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Noisy,
    Smooth,
    Dotted,
    Scattered,
}

impl Curve {
    /// A curve of (x, y) points, x rising, whose moving average says more than its points.
    pub fn noisy(name: impl Into<String>, points: Vec<(f64, f64)>) -> Self {
        Self { name: name.into(), points, style: Style::Noisy }
    }

    /// A curve of (x, y) points, x rising, that is drawn as it is.
    pub fn smooth(name: impl Into<String>, points: Vec<(f64, f64)>) -> Self {
        Self { name: name.into(), points, style: Style::Smooth }
    }

    /// A curve through a few measured (x, y) points, x rising, each of which is marked.
    pub fn dotted(name: impl Into<String>, points: Vec<(f64, f64)>) -> Self {
        Self { name: name.into(), points, style: Style::Dotted }
    }

    /// Measured (x, y) points in any order, each of which is marked, and none joined with another.
    pub fn scattered(name: impl Into<String>, points: Vec<(f64, f64)>) -> Self {
        Self { name: name.into(), points, style: Style::Scattered }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether each point is marked.
    pub(crate) fn is_dotted(&self) -> bool {
        matches!(self.style, Style::Dotted | Style::Scattered)
    }

    /// Whether a line goes through the points.
    pub(crate) fn is_joined(&self) -> bool {
        self.style != Style::Scattered
    }

    pub(crate) fn finite(&self) -> Vec<(f64, f64)> {
        self.points.iter().copied().filter(|(x, y)| x.is_finite() && y.is_finite()).collect()
    }
}

/// Draws curves; where there are several, with a legend.
///
/// The y axis begins at 0, unless all values lie far from it.
pub fn curves(curves: &[Curve], x_title: &str, y_title: &str) -> String {
    let all: Vec<Vec<(f64, f64)>> = curves.iter().map(Curve::finite).collect();
    let legend: Vec<_> = match curves {
        [_, _, ..] => {
            curves.iter().enumerate().map(|(i, c)| (series_class(COLORS[i % 6]), c.name.clone()))
        }
        .collect(),
        _ => Vec::new(),
    };
    let mut svg = Svg::new(460.0, 340.0);
    let top = svg.legend(2.0, LEFT, &legend) + if legend.is_empty() { 14.0 } else { 8.0 };
    let frame = Frame { left: LEFT, right: 446.0, top, bottom: 292.0 };
    let ends = |of: fn(&(f64, f64)) -> f64| ends(all.iter().flatten().map(of));
    let (first, last) = ends(|point| point.0).unwrap_or((0.0, 1.0));
    let (low, high) = with_room(ends(|point| point.1).unwrap_or((0.0, 1.0)));
    let x = Scale::new(first, last, frame.left, frame.right);
    let y = Scale::new(low, high, frame.bottom, frame.top);
    axis::draw(&mut svg, frame, (&x, x_title), (&y, y_title));
    for (i, (curve, points)) in curves.iter().zip(&all).enumerate() {
        let class = series_class(COLORS[i % 6]);
        let place = |points: &[(f64, f64)]| -> Vec<(f64, f64)> {
            points.iter().map(|(px, py)| (x.at(*px), y.at(*py))).collect()
        };
        let drawn = place(&thinned(points));
        if curve.style == Style::Noisy {
            svg.path(&format!("curve raw {class}"), &drawn);
            let average = thinned(&moving_average(points));
            svg.path(&format!("curve {class}"), &place(&average));
        } else if curve.is_joined() {
            svg.path(&format!("curve {class}"), &drawn);
        }
        let is_sparse = curve.is_dotted() && (drawn.len() <= MOST_DOTS || !curve.is_joined());
        for at in drawn.into_iter().filter(|_| is_sparse) {
            svg.circle(&format!("dot {class}"), at, 3.5);
        }
    }
    svg.finish(&format!("{y_title} by {x_title}"))
}

/// The smallest and the largest value.
fn ends(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |ends, value| {
        let (low, high) = ends.unwrap_or((value, value));
        Some((low.min(value), high.max(value)))
    })
}

/// A range around values: from 0 if they reach down to half of their largest.
fn with_room((low, high): (f64, f64)) -> (f64, f64) {
    // Halves, so that no difference of finite values overflows.
    let room = (high / 2.0 - low / 2.0) * 0.1;
    if low >= 0.0 && low < high / 2.0 {
        return (0.0, high + room);
    }
    if high > low { (low - room, high + room) } else { (low.min(0.0), low.max(0.0) * 1.05) }
}

/// The mean of each point and those around it, a fortieth of all to either side.
fn moving_average(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let reach = (points.len() + 20) / 40;
    // Sums of shares, so that no sum of finite values overflows.
    let count = points.len().max(1) as f64;
    let mut sums = vec![0.0];
    for (i, (_, y)) in points.iter().enumerate() {
        sums.push(sums[i] + y / count);
    }
    let mean = |i: usize| {
        let (from, to) = (i.saturating_sub(reach), (i + reach + 1).min(points.len()));
        (sums[to] - sums[from]) * (count / (to - from) as f64)
    };
    points.iter().enumerate().map(|(i, (x, _))| (*x, mean(i))).collect()
}

/// At most about a thousand points, evenly taken, the last among them.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let step = points.len().div_ceil(1000).max(1);
    let mut kept: Vec<(f64, f64)> = points.iter().step_by(step).copied().collect();
    if !points.len().is_multiple_of(step) || step > 1 {
        kept.extend(points.last());
    }
    kept
}

/// The colours of the curves in their order: those that stand out first.
const COLORS: [usize; 6] = [2, 1, 3, 4, 5, 0];
/// Up to how many points a dotted curve shows each as a dot.
const MOST_DOTS: usize = 60;
/// Room for the axis title and tick labels.
const LEFT: f64 = 58.0;
