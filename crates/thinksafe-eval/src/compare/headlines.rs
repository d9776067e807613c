//! The comparison in a few numbers.

use super::{ComparedMetric, Comparison};
use crate::report::headline::each_aspect;
use crate::report::{Headline, HeadlineRun};
use crate::score::Aspect;

/// Averages over the benchmarks on which every run has a rate.
pub(super) fn headlines(comparison: &Comparison) -> Vec<Headline> {
    each_aspect(|aspect, name| headline(comparison, aspect, name))
}

fn headline(comparison: &Comparison, aspect: Aspect, name: &'static str) -> Option<Headline> {
    let has_rates =
        |metric: &&ComparedMetric| metric.runs.iter().all(|r| r.estimate.rate.is_some());
    let metrics = comparison.benchmarks.iter().flat_map(|b| &b.metrics);
    let metrics: Vec<&ComparedMetric> =
        metrics.filter(|m| m.metric.aspect == aspect).filter(has_rates).collect();
    let average = |(place, run): (usize, &String)| {
        let of = |metric: &&ComparedMetric| {
            let run = metric.runs.get(place)?;
            Some((run.estimate.rate?, run.change.map(|change| change.difference.difference)))
        };
        HeadlineRun::average(run, &metrics.iter().filter_map(of).collect::<Vec<_>>())
    };
    let runs: Vec<HeadlineRun> = comparison.runs.iter().enumerate().filter_map(average).collect();
    (!runs.is_empty()).then_some(Headline { aspect, name, benchmarks: metrics.len(), runs })
}
