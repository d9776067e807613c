//! The result in a few numbers.

use serde::Serialize;

use super::Report;
use crate::score::Aspect;
use crate::statistics::{Interval, mean_of_intervals};

/// One aspect, averaged over its benchmarks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Headline {
    /// The aspect.
    pub aspect: Aspect,
    /// Its name for people.
    pub name: &'static str,
    /// How many benchmarks the average is over: those that the first run and the last one have.
    pub benchmarks: usize,
    /// The average for each run that has all of them, in the report's order.
    pub runs: Vec<(String, Interval)>,
}

impl Headline {
    /// The first run's value and the last one's.
    pub fn ends(&self) -> Option<(Interval, Interval)> {
        Some((self.runs.first()?.1, self.runs.last()?.1))
    }
}

pub(super) fn headlines(report: &Report) -> Vec<Headline> {
    ASPECTS.iter().filter_map(|&(aspect, name)| headline(report, aspect, name)).collect()
}

fn headline(report: &Report, aspect: Aspect, name: &'static str) -> Option<Headline> {
    let (first, last) = (report.runs.first()?, report.runs.last()?);
    let rate = |run: &str, benchmark, metric| {
        report.metric(run, benchmark, metric).and_then(|m| m.estimate.rate)
    };
    let shared: Vec<_> = report
        .rows()
        .into_iter()
        .filter(|(_, metric)| metric.aspect == aspect)
        .filter(|(b, m)| rate(first, b, m).is_some() && rate(last, b, m).is_some())
        .collect();
    let average = |run: &String| {
        let rates: Option<Vec<Interval>> = shared.iter().map(|(b, m)| rate(run, b, m)).collect();
        Some((run.clone(), mean_of_intervals(&rates?)?))
    };
    let runs: Vec<_> = report.runs.iter().filter_map(average).collect();
    (!runs.is_empty()).then_some(Headline { aspect, name, benchmarks: shared.len(), runs })
}

const ASPECTS: [(Aspect, &str); 4] = [
    (Aspect::Harm, "Harmful responses"),
    (Aspect::Refusal, "Refused when harmful"),
    (Aspect::OverRefusal, "Over-refusal"),
    (Aspect::Reasoning, "Answer accuracy"),
];
