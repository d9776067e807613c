//! Axes: scales, round ticks, the frame of a plot.

use crate::svg::{Anchor, Svg};

/// The largest magnitude on an axis: the differences of two of them are still finite.
const FARTHEST: f64 = 1e300;

/// A linear map from data to drawing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scale {
    pub(crate) low: f64,
    pub(crate) high: f64,
    from: f64,
    to: f64,
}

impl Scale {
    /// Maps `low` to `from` and `high` to `to`. A range that is backward, or too narrow for its ticks to differ, is
    /// widened; one that reaches beyond [`FARTHEST`] is cut there, and what lies outside is drawn at the edge.
    pub(crate) fn new(low: f64, high: f64, from: f64, to: f64) -> Self {
        let [low, high] = [low, high].map(|end| end.clamp(-FARTHEST, FARTHEST));
        let narrowest = (low.abs() * 1e-12).max(1e-290);
        let high = if high - low > narrowest { high } else { low + (low.abs() * 1e-3).max(1.0) };
        Self { low, high, from, to }
    }

    pub(crate) fn at(&self, value: f64) -> f64 {
        let share = (value - self.low) / (self.high - self.low);
        self.from + share.clamp(0.0, 1.0) * (self.to - self.from)
    }

    /// Round values within the range, about `count` of them.
    pub(crate) fn ticks(&self, count: f64) -> Vec<f64> {
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
pub(crate) fn percent_range(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
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
pub(crate) struct Frame {
    pub(crate) left: f64,
    pub(crate) right: f64,
    pub(crate) top: f64,
    pub(crate) bottom: f64,
}

/// Draws grid lines, tick labels and axis titles.
pub(crate) fn draw(svg: &mut Svg, frame: Frame, x: (&Scale, &str), y: (&Scale, &str)) {
    for (tick, label) in labeled(&y.0.ticks(5.0)) {
        let at = y.0.at(tick);
        svg.line("grid", (frame.left, at), (frame.right, at));
        svg.text("tick", (frame.left - 6.0, at + 4.0), Anchor::End, &label);
    }
    for (tick, label) in labeled(&x.0.ticks(5.0)) {
        let at = x.0.at(tick);
        svg.line("grid", (at, frame.top), (at, frame.bottom));
        svg.text("tick", (at, frame.bottom + 16.0), Anchor::Middle, &label);
    }
    svg.line("axis", (frame.left, frame.bottom), (frame.right, frame.bottom));
    let middle = f64::midpoint(frame.left, frame.right);
    svg.text("title", (middle, frame.bottom + 36.0), Anchor::Middle, x.1);
    svg.upward_text("title", (13.0, f64::midpoint(frame.top, frame.bottom)), y.1);
}

/// Ticks with labels that tell them apart in few characters.
fn labeled(ticks: &[f64]) -> Vec<(f64, String)> {
    let largest = ticks.iter().fold(0.0, |largest: f64, tick| largest.max(tick.abs()));
    let decimals = decimals(ticks);
    let label = |tick: f64| {
        if tick == 0.0 {
            "0".to_owned()
        } else if largest >= 1e9 || decimals > 4 {
            format!("{tick:.1e}").replace(".0e", "e")
        } else {
            format!("{tick:.decimals$}")
        }
    };
    ticks.iter().map(|tick| (*tick, label(*tick))).collect()
}

/// How many decimals tell these ticks apart.
fn decimals(ticks: &[f64]) -> usize {
    let step = ticks.windows(2).map(|pair| pair[1] - pair[0]).fold(1.0, f64::min);
    if step > 0.0 && step < 1.0 { (-step.log10() - 1e-9).ceil() as usize } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tick_labels_are_short_and_differ() {
        let labels = |low, high| -> Vec<String> {
            let ticks = Scale::new(low, high, 0.0, 1.0).ticks(5.0);
            labeled(&ticks).into_iter().map(|(_, label)| label).collect()
        };
        assert_eq!(labels(0.0, 1e-5), ["0", "2e-6", "4e-6", "6e-6", "8e-6", "1e-5"]);
        assert_eq!(labels(0.0, 1.5), ["0", "0.5", "1.0", "1.5"]);
        assert_eq!(labels(0.0, 0.004), ["0", "0.001", "0.002", "0.003", "0.004"]);
        assert_eq!(labels(0.0, 2e9), ["0", "5e8", "1e9", "1.5e9", "2e9"]);
    }
}
