//! Differences with intervals about zero.

use crate::axis::Scale;
use crate::bars::{BAR, BarGroup, LEFT, WIDTH, group_height};
use crate::svg::{Anchor, Svg, series_class, shorten};
use crate::{Bar, Interval};

/// Draws groups of differences, in points of percent, as dots with whiskers about a line at zero; a legend above them of
/// the runs that have a dot.
pub fn forest(groups: &[BarGroup], runs: &[String], x_title: &str) -> String {
    let dots = || groups.iter().flat_map(|g| &g.bars).filter(|bar| bar.rate.is_finite());
    let drawn = |(series, _): &(usize, &String)| dots().any(|bar| bar.series == *series);
    let legend: Vec<_> = runs
        .iter()
        .enumerate()
        .filter(drawn)
        .map(|(i, run)| (series_class(i), run.clone()))
        .collect();
    let rows: f64 = groups.iter().map(group_height).sum();
    let top = Svg::new(WIDTH, 0.0).legend(0.0, LEFT, &legend);
    let bottom = top + rows;
    let mut svg = Svg::new(WIDTH, bottom + 40.0);
    svg.legend(2.0, LEFT, &legend);
    let (low, high) = about_zero(dots().map(|bar| bar.rate));
    let scale = Scale::new(low, high, LEFT, WIDTH - 52.0);
    for tick in scale.ticks(5.0) {
        svg.line("grid", (scale.at(tick), top), (scale.at(tick), bottom));
        let label = if tick > 0.0 { format!("+{tick:.0}") } else { format!("{tick:.0}") };
        svg.text("tick", (scale.at(tick), bottom + 16.0), Anchor::Middle, &minus(&label));
    }
    svg.line("zero", (scale.at(0.0), top), (scale.at(0.0), bottom));
    svg.text("title", (WIDTH / 2.0, bottom + 34.0), Anchor::Middle, x_title);
    let mut at = top;
    for group in groups {
        svg.text("name", (LEFT, at + 15.0), Anchor::Start, &shorten(&group.name, 58));
        for (i, bar) in group.bars.iter().enumerate() {
            draw(&mut svg, &scale, at + 21.0 + BAR * i as f64 + (BAR - 3.0) / 2.0, bar);
        }
        at += group_height(group);
    }
    svg.finish("differences from the first run with 95 % intervals")
}

fn draw(svg: &mut Svg, scale: &Scale, middle: f64, bar: &Bar) {
    if !bar.rate.is_finite() {
        return;
    }
    let Interval { value, low, high } = bar.rate;
    let class = series_class(bar.series);
    svg.line(&format!("whisker {class}"), (scale.at(low), middle), (scale.at(high), middle));
    svg.circle(&format!("dot {class}"), (scale.at(value), middle), 4.5);
    let label = if value.abs() < 0.05 { "0.0".to_owned() } else { minus(&format!("{value:+.1}")) };
    svg.text("value", (WIDTH - 2.0, middle + 4.0), Anchor::End, &label);
}

/// A range that holds zero and all ends, with room around them, at least ten points wide.
fn about_zero(intervals: impl Iterator<Item = Interval>) -> (f64, f64) {
    let (low, high) = intervals.fold((0.0f64, 0.0f64), |(low, high), interval| {
        (low.min(interval.low), high.max(interval.high))
    });
    let room = (high / 2.0 - low / 2.0) * 0.1;
    let short = (5.0 - (high / 2.0 - low / 2.0 + room)).max(0.0);
    (low - room - short, high + room + short)
}

/// A number with a true minus sign.
fn minus(number: &str) -> String {
    number.replace('-', "\u{2212}")
}
