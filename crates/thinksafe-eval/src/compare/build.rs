//! How a comparison is made of reports.

use std::collections::BTreeMap;

use thinksafe_core::judge::JudgeIdentity;
use thinksafe_core::seed::Seed;

use super::change::{self, Draws, Measurement};
use super::matching::Matching;
use super::{
    AskedRun, ComparedBenchmark, ComparedMetric, Comparison, MeasuredCategory, MeasuredRun,
    NotCompared, Reason, Run,
};
use crate::report::{BenchmarkResult, MetricResult, Sample};
use crate::score::Metric;

pub(super) fn comparison(title: &str, runs: &[Run<'_>], draws: u32, seed: Seed) -> Comparison {
    let mut comparison = Comparison {
        format: Comparison::FORMAT.to_owned(),
        version: Comparison::VERSION,
        title: title.to_owned(),
        runs: runs.iter().map(|run| run.name.clone()).collect(),
        benchmarks: Vec::new(),
        not_compared: Vec::new(),
        draws,
        seed,
        samples: Vec::new(),
    };
    for benchmark in in_order(runs.iter().flat_map(|run| run.results().map(|r| &r.benchmark))) {
        if let Err(reason) = add(&mut comparison, benchmark, runs) {
            comparison.leave_out(benchmark, None, reason);
        }
    }
    change::adjust(&mut comparison.benchmarks);
    comparison
}

impl Comparison {
    fn leave_out(&mut self, benchmark: &str, metric: Option<&Metric>, reason: Reason) {
        let (benchmark, metric) = (benchmark.to_owned(), metric.map(|m| m.name.clone()));
        self.not_compared.push(NotCompared { benchmark, metric, reason });
    }
}

/// Compares the runs on a benchmark.
fn add(comparison: &mut Comparison, benchmark: &str, runs: &[Run<'_>]) -> Result<(), Reason> {
    let results = of_all(runs, |place| runs[place].results().find(|r| r.benchmark == benchmark))?;
    let matching = Matching::new(&results);
    if matching.items() == 0 {
        return Err(Reason::NoSharedItem);
    }
    let draws = Draws { count: comparison.draws, seed: comparison.seed };
    let mut metrics = Vec::new();
    for metric in in_order(results.iter().flat_map(|r| r.metrics.iter().map(|m| &m.metric))) {
        match compared(metric, (runs, &results), &matching, draws) {
            Ok(compared) => metrics.push(compared),
            Err(reason) => comparison.leave_out(benchmark, Some(metric), reason),
        }
    }
    let asked = |(run, result): (&Run<'_>, &&BenchmarkResult)| AskedRun {
        run: run.name.clone(),
        generator: result.generator.clone(),
        settings: result.settings.clone(),
        left_out: matching.left_out(result, &results),
        tokens: result.tokens(),
    };
    comparison.samples.extend(samples(benchmark, runs, &matching));
    comparison.benchmarks.push(ComparedBenchmark {
        benchmark: benchmark.to_owned(),
        items: matching.items(),
        samples: matching.samples(),
        asked: runs.iter().zip(&results).map(asked).collect(),
        metrics,
    });
    Ok(())
}

fn compared(
    metric: &Metric,
    (runs, results): (&[Run<'_>], &[&BenchmarkResult]),
    matching: &Matching<'_>,
    draws: Draws,
) -> Result<ComparedMetric, Reason> {
    let find = |place: usize| results[place].metrics.iter().find(|m| m.metric == *metric);
    let measured: Vec<&MetricResult> = of_all(runs, find)?;
    let judges: Vec<Option<&JudgeIdentity>> = measured.iter().map(|m| m.judge.as_ref()).collect();
    let judge = judges.first().copied().flatten();
    if judges.iter().any(|other| *other != judge) {
        return Err(Reason::OtherJudges(judges.into_iter().map(named).collect()));
    }
    let values: Vec<Measurement<'_>> =
        measured.iter().map(|m| Measurement::new(matching, &m.scores)).collect();
    let run = |(place, run): (usize, &Run<'_>)| {
        let before = (place > 0).then(|| &values[0]);
        measured_run(&run.name, before, &values[place], draws)
    };
    let runs = runs.iter().enumerate().map(run).collect();
    Ok(ComparedMetric { metric: metric.clone(), judge: judge.cloned(), runs })
}

fn measured_run(
    run: &str,
    before: Option<&Measurement<'_>>,
    after: &Measurement<'_>,
    draws: Draws,
) -> MeasuredRun {
    let mut earlier = before.map(Measurement::by_category).unwrap_or_default();
    let category = |(name, after): (&str, Measurement<'_>)| {
        let change = earlier.remove(name).and_then(|before| after.change_from(&before, draws));
        (name.to_owned(), MeasuredCategory { estimate: after.estimate(), change })
    };
    let categories: BTreeMap<_, _> = after.by_category().into_iter().map(category).collect();
    MeasuredRun {
        run: run.to_owned(),
        estimate: after.estimate(),
        change: before.and_then(|before| after.change_from(before, draws)),
        categories,
    }
}

/// What `find` finds for every run; else the names of those that it finds nothing for.
fn of_all<T>(runs: &[Run<'_>], find: impl Fn(usize) -> Option<T>) -> Result<Vec<T>, Reason> {
    let found: Vec<Option<T>> = (0..runs.len()).map(find).collect();
    let without = runs.iter().zip(&found).filter(|(_, found)| found.is_none());
    let missing: Vec<String> = without.map(|(run, _)| run.name.clone()).collect();
    if missing.is_empty() {
        Ok(found.into_iter().flatten().collect())
    } else {
        Err(Reason::Missing(missing))
    }
}

/// Each once, in the order of their first.
fn in_order<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    all.fold(Vec::new(), |mut seen, one| {
        if !seen.contains(&one) {
            seen.push(one);
        }
        seen
    })
}

fn named(judge: Option<&JudgeIdentity>) -> String {
    judge.map_or_else(|| "no judge".to_owned(), |judge| format!("{} {}", judge.name, judge.hash))
}

/// The responses to read that several runs have for the same item.
fn samples(benchmark: &str, runs: &[Run<'_>], matching: &Matching<'_>) -> Vec<Sample> {
    let of = |run: &Run<'_>| -> Vec<Sample> {
        let samples = run.report.samples().iter();
        samples
            .filter(|s| s.run == run.run && s.benchmark == benchmark && matching.has(&s.item))
            .map(|s| Sample { run: run.name.clone(), ..s.clone() })
            .collect()
    };
    let all: Vec<Sample> = runs.iter().flat_map(of).collect();
    let mut shown: BTreeMap<&str, usize> = BTreeMap::new();
    for sample in &all {
        *shown.entry(&sample.item).or_insert(0) += 1;
    }
    all.iter().filter(|sample| shown[sample.item.as_str()] > 1).cloned().collect()
}
