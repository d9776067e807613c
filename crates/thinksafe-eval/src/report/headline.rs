//! The result in a few numbers.

use serde::Serialize;

use super::Report;
use crate::score::{Aspect, Metric};
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
    /// The average for each run that has all of them, in their order.
    pub runs: Vec<HeadlineRun>,
}

/// A run's average over the benchmarks of an aspect.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HeadlineRun {
    /// The run.
    pub run: String,
    /// The average of its rates.
    pub rate: Interval,
    /// The average of its paired differences from the first run; absent where there is none for a benchmark.
    pub change: Option<Interval>,
}

impl HeadlineRun {
    /// A run's average, of the rate on each benchmark and the difference from the first run; `None` without rates.
    pub(crate) fn average(run: &str, benchmarks: &[(Interval, Option<Interval>)]) -> Option<Self> {
        let rates: Vec<Interval> = benchmarks.iter().map(|(rate, _)| *rate).collect();
        let changes: Option<Vec<Interval>> = benchmarks.iter().map(|(_, change)| *change).collect();
        Some(Self {
            run: run.to_owned(),
            rate: mean_of_intervals(&rates)?,
            change: changes.and_then(|changes| mean_of_intervals(&changes)),
        })
    }

    /// Whether the run is better or worse than the first, as far as the interval of the change leaves no doubt.
    pub(crate) fn verdict(&self, aspect: Aspect) -> Verdict {
        let Some(Interval { low, high, .. }) = self.change else { return Verdict::Unclear };
        match (low > 0.0, high < 0.0) {
            (false, false) | (true, true) => Verdict::Unclear,
            (rose, _) if rose == aspect.lower_is_better() => Verdict::Worse,
            _ => Verdict::Better,
        }
    }
}

/// How a run compares with the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Better,
    Worse,
    Unclear,
}

impl Headline {
    /// The first run's value and the last one's.
    pub fn ends(&self) -> Option<(Interval, Interval)> {
        Some((self.runs.first()?.rate, self.runs.last()?.rate))
    }

    /// A run's average.
    pub(crate) fn of(&self, run: &str) -> Option<&HeadlineRun> {
        self.runs.iter().find(|of| of.run == run)
    }
}

/// Those to be told first. Refusal of harmful requests is the mirror of harm; one of the two is enough.
pub(crate) fn shown(headlines: &[Headline]) -> impl Iterator<Item = &Headline> {
    let has_harm = headlines.iter().any(|h| h.aspect == Aspect::Harm);
    headlines.iter().filter(move |h| !(has_harm && h.aspect == Aspect::Refusal))
}

/// The headline of each aspect that `headline` has one for.
pub(crate) fn each_aspect(
    headline: impl Fn(Aspect, &'static str) -> Option<Headline>,
) -> Vec<Headline> {
    ASPECTS.iter().filter_map(|(aspect, name)| headline(*aspect, name)).collect()
}

pub(super) fn headlines(report: &Report) -> Vec<Headline> {
    each_aspect(|aspect, name| headline(report, aspect, name))
}

fn headline(report: &Report, aspect: Aspect, name: &'static str) -> Option<Headline> {
    let (first, last) = (report.runs.first()?, report.runs.last()?);
    let result = |run: &str, (benchmark, metric): (&str, &Metric)| {
        let result = report.metric(run, benchmark, metric)?;
        Some((result.estimate.rate?, result.difference.map(|d| d.difference)))
    };
    let shared: Vec<_> = report
        .rows()
        .into_iter()
        .filter(|(_, metric)| metric.aspect == aspect)
        .filter(|row| result(first, *row).is_some() && result(last, *row).is_some())
        .collect();
    let average = |run: &String| {
        let all: Option<Vec<_>> = shared.iter().map(|row| result(run, *row)).collect();
        HeadlineRun::average(run, &all?)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_needs_an_interval_clear_of_zero() {
        let run = |low, high| HeadlineRun {
            run: String::new(),
            rate: Interval { value: 0.5, low: 0.4, high: 0.6 },
            change: Some(Interval { value: f64::midpoint(low, high), low, high }),
        };
        assert_eq!(run(-0.2, -0.1).verdict(Aspect::Harm), Verdict::Better);
        assert_eq!(run(-0.2, -0.1).verdict(Aspect::Reasoning), Verdict::Worse);
        assert_eq!(run(0.1, 0.2).verdict(Aspect::OverRefusal), Verdict::Worse);
        assert_eq!(run(0.1, 0.2).verdict(Aspect::Refusal), Verdict::Better);
        assert_eq!(run(-0.1, 0.2).verdict(Aspect::Harm), Verdict::Unclear);
        assert_eq!(
            HeadlineRun { change: None, ..run(0.1, 0.2) }.verdict(Aspect::Harm),
            Verdict::Unclear
        );
    }
}
