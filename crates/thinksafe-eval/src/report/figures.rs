//! The page's figures: which data goes into which plot.

use std::collections::BTreeMap;

use thinksafe_plot::{self as plot, Bar, BarGroup, Curve, Figure, Point, Series, Stack};

use super::{Headline, Report, sections};
use crate::score::Aspect;
use crate::statistics::Interval;

/// Every figure that there is data for.
pub(super) fn all(report: &Report) -> Vec<Figure> {
    [scatter(report), bars(report), lengths(report), loss(report), drops(report)]
        .into_iter()
        .flatten()
        .collect()
}

fn scatter(report: &Report) -> Option<Figure> {
    let headlines = report.headlines();
    let of = |aspect| headlines.iter().find(|h: &&Headline| h.aspect == aspect);
    let (harm, reasoning) = (of(Aspect::Harm)?, of(Aspect::Reasoning)?);
    let points: Vec<Point> = report
        .runs
        .iter()
        .enumerate()
        .filter_map(|(series, run)| {
            let rate = |h: &Headline| h.runs.iter().find(|(name, _)| name == run).map(|r| r.1);
            let (x, harm) = (rate(reasoning)?, rate(harm)?);
            let safe =
                Interval { value: 1.0 - harm.value, low: 1.0 - harm.high, high: 1.0 - harm.low };
            Some(Point { name: run.clone(), series, x: times_100(x), y: times_100(safe) })
        })
        .collect();
    let caption = sections::sentence(&[harm.clone(), reasoning.clone()]);
    let svg = plot::scatter(&points, "answer accuracy, %", "responses without harm, %");
    Some(Figure { title: "Safety against reasoning".to_owned(), caption, svg })
}

fn bars(report: &Report) -> Option<Figure> {
    let groups: Vec<BarGroup> = report
        .rows()
        .into_iter()
        .map(|(benchmark, metric)| {
            let bar = |(series, run): (usize, &String)| {
                let rate = report.metric(run, benchmark, metric)?.estimate.rate?;
                Some(Bar { series, rate: times_100(rate) })
            };
            BarGroup {
                name: format!("{benchmark}: {}", metric.name),
                bars: report.runs.iter().enumerate().filter_map(bar).collect(),
            }
        })
        .collect();
    if groups.iter().all(|g| g.bars.is_empty()) {
        return None;
    }
    let svg = plot::bars(&groups, &report.runs);
    let caption = "Percent of responses; whiskers are 95 % intervals.".to_owned();
    Some(Figure { title: "By benchmark".to_owned(), caption, svg })
}

fn lengths(report: &Report) -> Option<Figure> {
    let lengths = |run: &String| -> Vec<f64> {
        let results = report.results.iter().filter(|r| r.run == *run);
        results.flat_map(|r| r.thinking_chars.iter().map(|n| *n as f64)).collect()
    };
    let runs: Vec<Series> =
        report.runs.iter().map(|run| Series { name: run.clone(), values: lengths(run) }).collect();
    if runs.iter().all(|r| r.values.is_empty()) {
        return None;
    }
    let svg = plot::histogram(&runs, "characters of thinking", "share of responses, %");
    let caption = "All benchmarks; responses that were cut off are left out.".to_owned();
    Some(Figure { title: "Thinking length".to_owned(), caption, svg })
}

fn loss(report: &Report) -> Option<Figure> {
    let points: Vec<(f64, f64)> = report.loss.iter().map(|p| (p.step as f64, p.loss)).collect();
    if points.iter().filter(|(_, y)| y.is_finite()).count() < 2 {
        return None;
    }
    let svg =
        plot::curves(&[Curve::noisy("training", points)], "optimizer step", "loss, nats a token");
    let caption = "Each step, and their moving average.".to_owned();
    Some(Figure { title: "Training loss".to_owned(), caption, svg })
}

fn drops(report: &Report) -> Option<Figure> {
    let mut totals: BTreeMap<&str, u64> = BTreeMap::new();
    for (reason, count) in report.drops.iter().flat_map(|d| &d.dropped) {
        *totals.entry(reason).or_insert(0) += count;
    }
    let mut reasons: Vec<(&str, u64)> = totals.into_iter().filter(|(_, n)| *n > 0).collect();
    reasons.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    if report.drops.is_empty() {
        return None;
    }
    let stacks: Vec<Stack> = report
        .drops
        .iter()
        .map(|d| {
            let count = |(reason, _): &(&str, u64)| d.dropped.get(*reason).copied().unwrap_or(0);
            let parts: Vec<u64> = reasons.iter().map(count).collect();
            let total = d.kept + parts.iter().sum::<u64>();
            Stack { name: d.label.to_string(), parts, total }
        })
        .collect();
    let names: Vec<String> = reasons.iter().map(|(reason, _)| (*reason).to_owned()).collect();
    let (dropped, all) =
        stacks.iter().fold((0, 0), |(d, a), s| (d + s.parts.iter().sum::<u64>(), a + s.total));
    let caption = format!("{dropped} of {all} traces were dropped, by prompt label.");
    Some(Figure {
        title: "What filtering dropped".to_owned(),
        caption,
        svg: plot::stacks(&stacks, &names),
    })
}

fn times_100(rate: Interval) -> plot::Interval {
    plot::Interval { value: rate.value * 100.0, low: rate.low * 100.0, high: rate.high * 100.0 }
}
