//! Horizontal bars: rates with intervals, and stacked counts.

use crate::Interval;
use crate::axis::Scale;
use crate::svg::{Anchor, Svg, series_class, shorten};

/// The bars of one benchmark and metric, or of one category.
#[derive(Debug, Clone, PartialEq)]
pub struct BarGroup {
    /// What they are of.
    pub name: String,
    /// A bar a run, at most.
    pub bars: Vec<Bar>,
}

/// One run's rate in percent, or its difference in points of percent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bar {
    /// Which run, by number.
    pub series: usize,
    /// The rate, from 0 to 100; a difference, from -100 to 100.
    pub rate: Interval,
}

/// Draws groups of bars from 0 to 100 with whiskers, a legend of runs above them.
pub fn bars(groups: &[BarGroup], runs: &[String]) -> String {
    let legend: Vec<_> =
        runs.iter().enumerate().map(|(i, run)| (series_class(i), run.clone())).collect();
    let rows: f64 = groups.iter().map(group_height).sum();
    let legend_height = Svg::new(WIDTH, 0.0).legend(0.0, LEFT, &legend);
    let mut svg = Svg::new(WIDTH, legend_height + rows + 22.0);
    svg.legend(2.0, LEFT, &legend);
    let scale = Scale::new(0.0, 100.0, LEFT, WIDTH - 52.0);
    let bottom = legend_height + rows;
    for tick in scale.ticks(5.0) {
        svg.line("grid", (scale.at(tick), legend_height), (scale.at(tick), bottom));
        svg.text("tick", (scale.at(tick), bottom + 16.0), Anchor::Middle, &format!("{tick:.0}"));
    }
    let mut top = legend_height;
    for group in groups {
        svg.text("name", (LEFT, top + 15.0), Anchor::Start, &shorten(&group.name, 58));
        for (i, bar) in group.bars.iter().enumerate() {
            draw_bar(&mut svg, &scale, top + 21.0 + BAR * i as f64, bar);
        }
        top += group_height(group);
    }
    svg.finish("rates with 95 % intervals by benchmark and run")
}

fn draw_bar(svg: &mut Svg, scale: &Scale, top: f64, bar: &Bar) {
    if !bar.rate.is_finite() {
        return;
    }
    let Interval { value, low, high } = bar.rate;
    let class = series_class(bar.series);
    let middle = top + (BAR - 3.0) / 2.0;
    svg.rect(&class, (scale.at(0.0), top), (scale.at(value) - scale.at(0.0), BAR - 3.0));
    svg.line("interval", (scale.at(low), middle), (scale.at(high), middle));
    for end in [low, high] {
        svg.line("interval", (scale.at(end), middle - 3.0), (scale.at(end), middle + 3.0));
    }
    let at = (WIDTH - 2.0, middle + 4.0);
    svg.text("value", at, Anchor::End, &format!("{value:.1}"));
}

pub(crate) fn group_height(group: &BarGroup) -> f64 {
    21.0 + BAR * group.bars.len().max(1) as f64 + 9.0
}

/// One row of counts out of a total.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    /// What is counted.
    pub name: String,
    /// The count of each reason.
    pub parts: Vec<u64>,
    /// What the counts are a part of.
    pub total: u64,
}

/// Draws for each row the share of its total that each reason takes, on a common scale.
pub fn stacks(rows: &[Stack], reasons: &[String]) -> String {
    let legend: Vec<_> =
        reasons.iter().enumerate().map(|(i, r)| (series_class(i + 1), r.clone())).collect();
    let legend_height = Svg::new(WIDTH, 0.0).legend(0.0, LEFT, &legend);
    let bottom = legend_height + ROW * rows.len() as f64;
    let mut svg = Svg::new(WIDTH, bottom + 22.0);
    svg.legend(2.0, LEFT, &legend);
    let largest = rows.iter().map(|r| share(r.parts.iter().sum(), r.total)).fold(0.0, f64::max);
    let scale = Scale::new(0.0, (largest * 1.05).clamp(1.0, 100.0), LEFT, WIDTH - 14.0);
    let ticks = scale.ticks(5.0);
    let decimals = usize::from(ticks.get(1).is_some_and(|t| t.fract() != 0.0));
    for tick in ticks {
        svg.line("grid", (scale.at(tick), legend_height), (scale.at(tick), bottom));
        let label = format!("{tick:.decimals$}%");
        svg.text("tick", (scale.at(tick), bottom + 16.0), Anchor::Middle, &label);
    }
    for (i, row) in rows.iter().enumerate() {
        draw_stack(&mut svg, &scale, legend_height + ROW * i as f64, row);
    }
    svg.finish("share of traces dropped, by prompt label and reason")
}

fn draw_stack(svg: &mut Svg, scale: &Scale, top: f64, row: &Stack) {
    let dropped: u64 = row.parts.iter().sum();
    let words = format!("{dropped} of {} ({:.1} %)", row.total, share(dropped, row.total));
    svg.text("name", (LEFT, top + 15.0), Anchor::Start, &shorten(&row.name, 32));
    svg.text("value", (WIDTH - 2.0, top + 15.0), Anchor::End, &words);
    let mut before = 0;
    for (i, count) in row.parts.iter().enumerate() {
        let (from, to) =
            (scale.at(share(before, row.total)), scale.at(share(before + count, row.total)));
        if to > from {
            svg.rect(&series_class(i + 1), (from, top + 21.0), (to - from, 12.0));
        }
        before += count;
    }
}

/// In percent.
fn share(part: u64, total: u64) -> f64 {
    if total == 0 { 0.0 } else { part as f64 / total as f64 * 100.0 }
}

pub(crate) const WIDTH: f64 = 460.0;
/// Room for half a tick label.
pub(crate) const LEFT: f64 = 10.0;
pub(crate) const BAR: f64 = 15.0;
const ROW: f64 = 44.0;
