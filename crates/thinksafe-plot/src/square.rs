//! Curves in the unit square, beside its diagonal: ROC curves, reliability diagrams.

use crate::Curve;
use crate::axis::{self, Frame, Scale};
use crate::svg::{Svg, series_class};

/// Draws curves of shares, both axes from 0 to 1, with the diagonal that chance, or perfection, would be on.
///
/// The legend names every curve. Those of [`Curve::dotted`] and [`Curve::scattered`] show their points; one of a single
/// point is a dot.
pub fn square(curves: &[Curve], x_title: &str, y_title: &str) -> String {
    let legend: Vec<_> =
        curves.iter().enumerate().map(|(i, c)| (class(i), c.name().to_owned())).collect();
    let top = Svg::new(WIDTH, 0.0).legend(2.0, LEFT, &legend) + 8.0;
    let frame = Frame { left: LEFT, right: LEFT + SIDE, top, bottom: top + SIDE };
    let mut svg = Svg::new(WIDTH, frame.bottom + 48.0);
    svg.legend(2.0, LEFT, &legend);
    let x = Scale::new(0.0, 1.0, frame.left, frame.right);
    let y = Scale::new(0.0, 1.0, frame.bottom, frame.top);
    axis::draw(&mut svg, frame, (&x, x_title), (&y, y_title));
    svg.line("diagonal", (frame.left, frame.bottom), (frame.right, frame.top));
    for (i, curve) in curves.iter().enumerate() {
        let points: Vec<_> =
            curve.finite().into_iter().map(|(px, py)| (x.at(px), y.at(py))).collect();
        if points.len() > 1 && curve.is_joined() {
            svg.path(&format!("curve {}", class(i)), &points);
        }
        for at in points.into_iter().filter(|_| curve.is_dotted()) {
            svg.circle(&format!("dot {}", class(i)), at, 4.0);
        }
    }
    svg.finish(&format!("{y_title} by {x_title}"))
}

/// The colour of a curve: those that stand out first.
fn class(curve: usize) -> String {
    series_class([2, 1, 3, 4, 5, 0][curve % 6])
}

const WIDTH: f64 = 460.0;
const SIDE: f64 = 388.0;
/// Room for the axis title and tick labels.
const LEFT: f64 = 58.0;
