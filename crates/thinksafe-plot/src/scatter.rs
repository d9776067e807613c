//! Points with error bars in both directions.

use crate::Interval;
use crate::axis::{self, Frame, Scale, percent_range};
use crate::svg::{Svg, series_class};

/// A named point, both coordinates in percent.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// The run.
    pub name: String,
    /// Which colour.
    pub series: usize,
    /// Across.
    pub x: Interval,
    /// Up.
    pub y: Interval,
}

/// Whether points are stages of one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "points have an order or none")]
pub enum Path {
    /// They are: an arrow leads from the first to the last.
    FirstToLast,
    /// They stand side by side.
    None,
}

/// Draws points of percentages.
pub fn scatter(points: &[Point], path: Path, x_title: &str, y_title: &str) -> String {
    let points: Vec<&Point> =
        points.iter().filter(|p| p.x.is_finite() && p.y.is_finite()).collect();
    let legend: Vec<_> = points.iter().map(|p| (series_class(p.series), p.name.clone())).collect();
    let mut svg = Svg::new(460.0, 340.0);
    let top = svg.legend(2.0, 52.0, &legend) + 8.0;
    let frame = Frame { left: 52.0, right: 446.0, top, bottom: 292.0 };
    let (x_low, x_high) = percent_range(points.iter().flat_map(|p| [p.x.low, p.x.high]));
    let (y_low, y_high) = percent_range(points.iter().flat_map(|p| [p.y.low, p.y.high]));
    let x = Scale::new(x_low, x_high, frame.left, frame.right);
    let y = Scale::new(y_low, y_high, frame.bottom, frame.top);
    axis::draw(&mut svg, frame, (&x, x_title), (&y, y_title));
    if let (Path::FirstToLast, [first, .., last]) = (path, points.as_slice()) {
        arrow(
            &mut svg,
            (x.at(first.x.value), y.at(first.y.value)),
            (x.at(last.x.value), y.at(last.y.value)),
        );
    }
    for point in &points {
        let class = series_class(point.series);
        let (at_x, at_y) = (x.at(point.x.value), y.at(point.y.value));
        let whisker = format!("whisker {class}");
        svg.line(&whisker, (x.at(point.x.low), at_y), (x.at(point.x.high), at_y));
        svg.line(&whisker, (at_x, y.at(point.y.low)), (at_x, y.at(point.y.high)));
        svg.circle(&format!("dot {class}"), (at_x, at_y), 5.5);
    }
    svg.finish(&format!("{y_title} against {x_title}"))
}

/// An arrow that stops short of both points; none between points that touch.
fn arrow(svg: &mut Svg, from: (f64, f64), to: (f64, f64)) {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let length = dx.hypot(dy);
    if length < 36.0 {
        return;
    }
    let (ux, uy) = (dx / length, dy / length);
    let start = (from.0 + 10.0 * ux, from.1 + 10.0 * uy);
    let tip = (to.0 - 10.0 * ux, to.1 - 10.0 * uy);
    svg.line("arrow", start, tip);
    for side in [-1.0, 1.0] {
        let wing = (tip.0 - 8.0 * ux - side * 4.5 * uy, tip.1 - 8.0 * uy + side * 4.5 * ux);
        svg.line("arrow", tip, wing);
    }
}
