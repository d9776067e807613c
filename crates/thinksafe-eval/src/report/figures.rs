//! The page's figures: which data goes into which plot.

use std::collections::BTreeMap;

use thinksafe_plot::{self as plot, Bar, BarGroup, Curve, Figure, Path, Point, Stack};

use super::{Headline, Report, lengths};
use crate::score::{Aspect, Metric};
use crate::statistics::Interval;

/// Every figure that there is data for.
pub(super) fn all(report: &Report) -> Vec<Figure> {
    let results = [scatter(&report.headlines(), &report.runs, Path::FirstToLast), bars(report)];
    let process = [loss(report), drops(report)];
    let lengths = lengths::figures(report).into_iter().map(Some);
    results.into_iter().chain(lengths).chain(process).flatten().collect()
}

/// Safety against reasoning, a point a run; `None` unless both were measured.
pub(crate) fn scatter(headlines: &[Headline], runs: &[String], path: Path) -> Option<Figure> {
    let of = |aspect| headlines.iter().find(|h: &&Headline| h.aspect == aspect);
    let (harm, reasoning) = (of(Aspect::Harm)?, of(Aspect::Reasoning)?);
    let point = |(series, run): (usize, &String)| {
        let (x, harm) = (reasoning.of(run)?.rate, harm.of(run)?.rate);
        let safe = Interval { value: 1.0 - harm.value, low: 1.0 - harm.high, high: 1.0 - harm.low };
        Some(Point { name: run.clone(), series, x: times_100(x), y: times_100(safe) })
    };
    let points: Vec<Point> = runs.iter().enumerate().filter_map(point).collect();
    let over = |h: &Headline| match h.benchmarks {
        1 => "one benchmark".to_owned(),
        n => format!("the average of {n} benchmarks"),
    };
    let caption = format!(
        "Up and to the right is better; crosses are 95 % intervals. Up: {}; across: {}.",
        over(harm),
        over(reasoning)
    );
    let svg = plot::scatter(&points, path, "answer accuracy, %", "responses without harm, %");
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

/// A figure for each benchmark and metric whose items have categories: a group of bars a category.
pub(super) fn categories(report: &Report) -> Vec<Figure> {
    let figure = |(benchmark, metric): (&str, &Metric)| {
        let names = report.categories(benchmark, metric);
        let group = |name: &&String| {
            let bar = |(series, run): (usize, &String)| {
                let result = report.metric(run, benchmark, metric)?;
                Some(Bar { series, rate: times_100(result.categories.get(*name)?.rate?) })
            };
            let bars = report.runs.iter().enumerate().filter_map(bar).collect();
            BarGroup { name: (*name).clone(), bars }
        };
        let groups: Vec<BarGroup> = names.iter().map(group).collect();
        let title = format!("{benchmark}: {}", metric.name);
        let caption = "Percent of responses by category; whiskers are 95 % intervals.".to_owned();
        let svg = plot::bars(&groups, &report.runs);
        (!groups.is_empty()).then_some(Figure { title, caption, svg })
    };
    report.rows().into_iter().filter_map(figure).collect()
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

pub(crate) fn times_100(rate: Interval) -> plot::Interval {
    plot::Interval { value: rate.value * 100.0, low: rate.low * 100.0, high: rate.high * 100.0 }
}
