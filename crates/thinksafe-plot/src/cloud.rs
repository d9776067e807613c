//! Many named points in one plane, each axis in units of its own.

use crate::Interval;
use crate::axis::{self, Frame, Scale};
use crate::svg::{Anchor, Svg, series_class};

/// A named point with an interval each way.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct Marked {
    /// What it is; the legend has it.
    pub name: String,
    /// A letter or two that stand beside the point and before the name.
    pub mark: String,
    /// Across.
    pub x: Interval,
    /// Up.
    pub y: Interval,
}

/// Draws points with their marks. Unlike in [`scatter`](crate::scatter()), no point is the first or the last.
pub fn cloud(points: &[Marked], x_title: &str, y_title: &str) -> String {
    let finite = |p: &&Marked| p.x.is_finite() && p.y.is_finite();
    let shown: Vec<(usize, &Marked)> =
        points.iter().enumerate().filter(|(_, p)| finite(p)).collect();
    let entry = |(i, p): &(usize, &Marked)| (series_class(*i), format!("{} {}", p.mark, p.name));
    let mut svg = Svg::new(460.0, 380.0);
    let legend: Vec<_> = shown.iter().map(entry).collect();
    let top = svg.legend(2.0, 52.0, &legend) + 8.0;
    let frame = Frame { left: 52.0, right: 446.0, top, bottom: 332.0 };
    let range = |of: fn(&Marked) -> Interval| room(shown.iter().map(|(_, p)| of(p)));
    let ((x_low, x_high), (y_low, y_high)) = (range(|p| p.x), range(|p| p.y));
    let x = Scale::new(x_low, x_high, frame.left, frame.right);
    let y = Scale::new(y_low, y_high, frame.bottom, frame.top);
    axis::draw(&mut svg, frame, (&x, x_title), (&y, y_title));
    for (i, point) in &shown {
        draw(&mut svg, &series_class(*i), point, (&x, &y));
    }
    svg.finish(&format!("{y_title} against {x_title}"))
}

fn draw(svg: &mut Svg, class: &str, point: &Marked, (x, y): (&Scale, &Scale)) {
    let (at_x, at_y) = (x.at(point.x.value), y.at(point.y.value));
    let whisker = format!("whisker {class}");
    svg.line(&whisker, (x.at(point.x.low), at_y), (x.at(point.x.high), at_y));
    svg.line(&whisker, (at_x, y.at(point.y.low)), (at_x, y.at(point.y.high)));
    svg.circle(&format!("dot {class}"), (at_x, at_y), 4.5);
    svg.text("name", (at_x + 6.0, at_y - 6.0), Anchor::Start, &point.mark);
}

/// The range of some intervals with a margin.
fn room(intervals: impl Iterator<Item = Interval> + Clone) -> (f64, f64) {
    let low = intervals.clone().map(|i| i.low).fold(f64::INFINITY, f64::min);
    let high = intervals.map(|i| i.high).fold(f64::NEG_INFINITY, f64::max);
    if !(low.is_finite() && high.is_finite()) {
        return (0.0, 1.0);
    }
    let margin = ((high - low) * 0.08).max(high.abs() * 1e-3);
    (low - margin, high + margin)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(mark: &str, x: f64, y: f64) -> Marked {
        let around = |value| Interval { value, low: value - 1.0, high: value + 1.0 };
        Marked { name: format!("<{mark}>"), mark: mark.to_owned(), x: around(x), y: around(y) }
    }

    #[test]
    fn every_finite_point_is_drawn_with_its_mark_and_its_name() {
        let points = [point("a", 1e12, 3.0), point("b", f64::NAN, 3.0), point("c", -5.0, 90.0)];
        let svg = cloud(&points, "cost", "harm");
        assert_eq!(svg.matches("<circle").count(), 2);
        assert!(
            svg.contains("a &lt;a&gt;") && svg.contains(">c</text>") && !svg.contains("b &lt;")
        );
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }

    #[test]
    fn nothing_and_one_point_are_no_trouble() {
        assert!(cloud(&[], "x", "y").ends_with("</svg>"));
        let alone = Interval { value: 0.0, low: 0.0, high: 0.0 };
        let zero = Marked { name: String::new(), mark: "a".to_owned(), x: alone, y: alone };
        assert!(!cloud(&[zero], "x", "y").contains("NaN"));
    }
}
