//! The figures of a comparison.

use thinksafe_plot::{self as plot, Bar, BarGroup, Figure, Path};

use super::{Change, ComparedBenchmark, ComparedMetric, Comparison, MeasuredRun};
use crate::report::figures::{scatter, times_100};

/// Safety against reasoning, and the changes of every metric.
pub(super) fn all(comparison: &Comparison) -> Vec<Figure> {
    let scatter = scatter(&comparison.headlines(), &comparison.runs, Path::None);
    scatter.into_iter().chain(changes(comparison)).collect()
}

fn changes(comparison: &Comparison) -> Option<Figure> {
    let group = |(benchmark, metric): (&ComparedBenchmark, &ComparedMetric)| BarGroup {
        name: format!(
            "{}: {}, {} is better",
            benchmark.benchmark,
            metric.metric.name,
            wish(metric)
        ),
        bars: bars(metric, |run| run.change.as_ref()),
    };
    let groups: Vec<BarGroup> = metrics(comparison).map(group).collect();
    let caption = "Points of percent; whiskers are 95 % intervals of the paired difference.";
    forest(comparison, "Change by benchmark", caption, &groups)
}

/// A figure for each benchmark and metric whose items have categories.
pub(super) fn categories(comparison: &Comparison) -> Vec<Figure> {
    let figure = |(benchmark, metric): (&ComparedBenchmark, &ComparedMetric)| {
        let names = metric.runs.last()?.categories.keys();
        let group = |name: &String| BarGroup {
            name: name.clone(),
            bars: bars(metric, |run| run.categories.get(name)?.change.as_ref()),
        };
        let title = format!("{}: {}", benchmark.benchmark, metric.metric.name);
        let caption =
            format!("Change by category, in points of percent; {} is better.", wish(metric));
        forest(comparison, &title, &caption, &names.map(group).collect::<Vec<_>>())
    };
    metrics(comparison).filter_map(figure).collect()
}

fn metrics(comparison: &Comparison) -> impl Iterator<Item = (&ComparedBenchmark, &ComparedMetric)> {
    comparison.benchmarks.iter().flat_map(|b| b.metrics.iter().map(move |m| (b, m)))
}

fn wish(metric: &ComparedMetric) -> &'static str {
    if metric.metric.lower_is_better() { "lower" } else { "higher" }
}

/// A bar for each run that has a change.
fn bars<'a>(
    metric: &'a ComparedMetric,
    change: impl Fn(&'a MeasuredRun) -> Option<&'a Change>,
) -> Vec<Bar> {
    let bar = |(series, run): (usize, &'a MeasuredRun)| {
        Some(Bar { series, rate: times_100(change(run)?.difference.difference) })
    };
    metric.runs.iter().enumerate().filter_map(bar).collect()
}

fn forest(
    comparison: &Comparison,
    title: &str,
    caption: &str,
    groups: &[BarGroup],
) -> Option<Figure> {
    if groups.iter().all(|group| group.bars.is_empty()) {
        return None;
    }
    let against = format!("minus {}", comparison.runs.first()?);
    let svg = plot::forest(groups, &comparison.runs, &against);
    Some(Figure { title: title.to_owned(), caption: caption.to_owned(), svg })
}
