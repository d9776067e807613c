//! Axes: scales, round ticks, the frame of a plot.

use super::svg::{Anchor, Svg};

/// The largest magnitude on an axis: the differences of two of them are still finite.
const FARTHEST: f64 = 1e300;

/// A linear map from data to drawing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    pub(super) low: f64,
    pub(super) high: f64,
    from: f64,
    to: f64,
}

impl Scale {
    /// Maps `low` to `from` and `high` to `to`. A range that is backward, or too narrow for its ticks to differ, is
    /// widened; one that reaches beyond [`FARTHEST`] is cut there, and what lies outside is drawn at the edge.
    pub(super) fn new(low: f64, high: f64, from: f64, to: f64) -> Self {
        let [low, high] = [low, high].map(|end| end.clamp(-FARTHEST, FARTHEST));
        let narrowest = (low.abs() * 1e-12).max(1e-290);
        let high = if high - low > narrowest { high } else { low + (low.abs() * 1e-3).max(1.0) };
        Self { low, high, from, to }
    }

    pub(super) fn at(&self, value: f64) -> f64 {
        let share = (value - self.low) / (self.high - self.low);
        self.from + share.clamp(0.0, 1.0) * (self.to - self.from)
    }

    /// Round values within the range, about `count` of them.
    pub(super) fn ticks(&self, count: f64) -> Vec<f64> {
        let step = round_step((self.high - self.low) / count);
        let first = (self.low / step - 1e-9).ceil() as i64;
        let last = (self.high / step + 1e-9).floor() as i64;
        (first..=last).map(|i| i as f64 * step).collect()
    }
}

/// The smallest of 1, 2, 5, 10, ... times a power of ten that is at least `least`.
fn round_step(least: f64) -> f64 {
    if !(least.is_finite() && least > 0.0) {
        return 1.0;
    }
    let power = 10f64.powf(least.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|f| f * power >= least * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * power
}

/// A range of percentages that shows these values with room around them, at least 20 points wide.
pub(super) fn percent_range(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let low = values.clone().fold(f64::INFINITY, f64::min);
    let high = values.fold(f64::NEG_INFINITY, f64::max);
    if !(low.is_finite() && high.is_finite()) {
        return (0.0, 100.0);
    }
    let room = ((high - low) * 0.12).max((20.0 - (high - low)) / 2.0);
    let (low, high) = ((low - room).max(0.0), (high + room).min(100.0));
    // Where the edge of the scale took room away, the other side gets it.
    let (low, high) = ((high - 20.0).min(low), (low + 20.0).max(high));
    (low.max(0.0), high.min(100.0))
}

/// The rectangle that data is drawn in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
}

/// Draws grid lines, tick labels and axis titles.
pub(super) fn draw(svg: &mut Svg, frame: Frame, x: (&Scale, &str), y: (&Scale, &str)) {
    let y_ticks = y.0.ticks(5.0);
    let y_decimals = decimals(&y_ticks);
    for tick in y_ticks {
        let at = y.0.at(tick);
        svg.line("grid", (frame.left, at), (frame.right, at));
        let label = tick_label(tick, y_decimals);
        svg.text("tick", (frame.left - 6.0, at + 4.0), Anchor::End, &label);
    }
    let x_ticks = x.0.ticks(5.0);
    let x_decimals = decimals(&x_ticks);
    for tick in x_ticks {
        let at = x.0.at(tick);
        svg.line("grid", (at, frame.top), (at, frame.bottom));
        let label = tick_label(tick, x_decimals);
        svg.text("tick", (at, frame.bottom + 16.0), Anchor::Middle, &label);
    }
    svg.line("axis", (frame.left, frame.bottom), (frame.right, frame.bottom));
    let middle = f64::midpoint(frame.left, frame.right);
    svg.text("title", (middle, frame.bottom + 36.0), Anchor::Middle, x.1);
    svg.upward_text("title", (13.0, f64::midpoint(frame.top, frame.bottom)), y.1);
}

fn tick_label(tick: f64, decimals: usize) -> String {
    let beyond_digits = tick.abs() >= 1e9 || (tick != 0.0 && tick.abs() < 1e-6);
    if beyond_digits { format!("{tick:.1e}") } else { format!("{tick:.decimals$}") }
}

/// How many decimals tell these ticks apart.
fn decimals(ticks: &[f64]) -> usize {
    let step = ticks.windows(2).map(|pair| pair[1] - pair[0]).fold(1.0, f64::min);
    if step > 0.0 && step < 1.0 {
        (-step.log10() - 1e-9).ceil().clamp(0.0, 6.0) as usize
    } else {
        0
    }
}
