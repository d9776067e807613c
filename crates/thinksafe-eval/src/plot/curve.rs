//! A noisy curve and its moving average.

use super::axis::{self, Frame, Scale};
use super::svg::Svg;

/// Draws (x, y) points, x rising, from y = 0.
pub(crate) fn curve(points: &[(f64, f64)], x_title: &str, y_title: &str) -> String {
    let points: Vec<(f64, f64)> =
        points.iter().copied().filter(|(x, y)| x.is_finite() && y.is_finite()).collect();
    let frame = Frame { left: 52.0, right: 446.0, top: 14.0, bottom: 292.0 };
    let first = points.first().map_or(0.0, |p| p.0);
    let last = points.last().map_or(1.0, |p| p.0);
    let x = Scale::new(first, last, frame.left, frame.right);
    let low = points.iter().map(|p| p.1).fold(0.0, f64::min);
    let high = points.iter().map(|p| p.1).fold(f64::NEG_INFINITY, f64::max);
    let high = if high > low { low + (high - low) * 1.05 } else { low + 1.0 };
    let y = Scale::new(low, high, frame.bottom, frame.top);
    let mut svg = Svg::new(460.0, 340.0);
    axis::draw(&mut svg, frame, (&x, x_title), (&y, y_title));
    let place = |(px, py): &(f64, f64)| (x.at(*px), y.at(*py));
    svg.path("curve raw", &thinned(&points).iter().map(place).collect::<Vec<_>>());
    let average = thinned(&moving_average(&points));
    svg.path("curve", &average.iter().map(place).collect::<Vec<_>>());
    svg.finish(&format!("{y_title} by {x_title}"))
}

/// The mean of each point and those around it, a fortieth of all to either side.
fn moving_average(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let reach = points.len() / 40;
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
