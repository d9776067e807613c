//! Metrics: what the scores of a benchmark amount to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use thinksafe_core::seed::Seed;

use crate::benchmark::Benchmark;
use crate::score::{Score, Unscored, Value};
use crate::statistics::{
    self, Interval, Observation, PairedDifference, PairedTests, paired_difference, proportion,
};

/// A rate with its 95 % interval, and what it leaves out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Estimate {
    /// The rate over scored responses; absent if there are none.
    pub rate: Option<Interval>,
    /// How many responses were scored.
    pub scored: u64,
    /// How many were not, by reason.
    pub unscored: BTreeMap<Unscored, u64>,
}

impl Estimate {
    /// How many responses were not scored.
    pub fn unscored_total(&self) -> u64 {
        self.unscored.values().sum()
    }

    /// The lowest and highest the rate could be, had every unscored response been scored.
    pub fn bounds(&self) -> Option<(f64, f64)> {
        let rate = self.rate?.value;
        let (scored, unscored) = (self.scored as f64, self.unscored_total() as f64);
        let all = scored + unscored;
        Some((rate * scored / all, (rate * scored + unscored) / all))
    }
}

/// The rate over a benchmark's scores. Samples of one item, and items of one cluster, are not independent: the
/// interval says so (see [`proportion`]).
pub fn estimate<'a>(
    benchmark: &'a Benchmark,
    scores: impl IntoIterator<Item = &'a Score>,
) -> Estimate {
    estimate_of(values_by_cluster(benchmark, scores))
}

/// The rate over values, each with its cluster.
pub(crate) fn estimate_of<'a>(values: impl Iterator<Item = (&'a str, Value)>) -> Estimate {
    let mut observations = Vec::new();
    let mut unscored = BTreeMap::new();
    for (cluster, value) in values {
        match value {
            Value::Unscored(reason) => *unscored.entry(reason).or_insert(0) += 1,
            Value::Binary(_) | Value::Degree(_) => {
                let value = value.number().unwrap_or_default();
                observations.push(Observation { cluster, value });
            }
        }
    }
    Estimate { rate: proportion(&observations), scored: observations.len() as u64, unscored }
}

/// What was scored, with the unit of independence of each.
pub(crate) fn observations<'a>(
    benchmark: &'a Benchmark,
    scores: impl IntoIterator<Item = &'a Score>,
) -> Vec<Observation<'a>> {
    let values = values_by_cluster(benchmark, scores);
    values.filter_map(|(cluster, v)| Some(Observation { cluster, value: v.number()? })).collect()
}

/// The values of scores, each with its cluster.
fn values_by_cluster<'a>(
    benchmark: &'a Benchmark,
    scores: impl IntoIterator<Item = &'a Score>,
) -> impl Iterator<Item = (&'a str, Value)> {
    let clusters = clusters(benchmark);
    let cluster = move |score: &'a Score| clusters.get(score.item.as_str()).copied();
    scores.into_iter().map(move |score| (cluster(score).unwrap_or(&score.item), score.value))
}

/// The rate for each category that items name, in alphabetical order.
pub fn by_category(benchmark: &Benchmark, scores: &[Score]) -> BTreeMap<String, Estimate> {
    let groups = grouped(benchmark, scores);
    let estimates = groups.into_iter();
    estimates.map(|(name, scores)| (name.to_owned(), estimate(benchmark, scores))).collect()
}

/// How often at least one of `k` samples of an item is right.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PassAtK {
    /// How many samples are drawn.
    pub k: u64,
    /// The mean over items, with its interval; absent if no item has enough scored samples.
    pub rate: Option<Interval>,
    /// How many items it is over.
    pub items: u64,
    /// How many items have fewer than `k` scored samples, and are left out.
    pub too_few: u64,
}

impl std::fmt::Display for PassAtK {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { k, rate, items, too_few } = self;
        match rate {
            Some(Interval { value, low, high }) => {
                let [value, low, high] = [value, low, high].map(|share| share * 100.0);
                write!(f, "{value:.1} % [{low:.1}, {high:.1}] over {items} items")?;
            }
            None => f.write_str("no item has enough samples")?,
        }
        write!(f, ", {too_few} with fewer than {k} scored samples left out")
    }
}

/// pass@k over a benchmark's scores, unbiased (see [`statistics::pass_at_k`]). Only scored samples can be drawn.
///
/// pass@1 is the mean over samples; where items have different numbers of scored samples, it weighs items alike and
/// [`estimate`] samples.
pub fn pass_at_k(benchmark: &Benchmark, scores: &[Score], k: u64) -> PassAtK {
    let mut counts: BTreeMap<&str, (u64, u64)> =
        benchmark.items().iter().map(|item| (item.id.as_str(), (0, 0))).collect();
    for score in scores {
        let (Some(value), Some((samples, right))) =
            (score.value.number(), counts.get_mut(score.item.as_str()))
        else {
            continue;
        };
        *samples += 1;
        *right += u64::from(value >= 1.0);
    }
    let clusters = clusters(benchmark);
    let observations: Vec<Observation<'_>> = counts
        .iter()
        .filter_map(|(item, (samples, right))| {
            let value = statistics::pass_at_k(*samples, *right, k)?;
            Some(Observation { cluster: clusters.get(item).copied().unwrap_or(item), value })
        })
        .collect();
    let items = observations.len() as u64;
    PassAtK { k, rate: proportion(&observations), items, too_few: counts.len() as u64 - items }
}

/// How the second run's scores differ from the first's, over the samples that both scored; `None` if there are none.
pub fn compare(
    benchmark: &Benchmark,
    first: &[Score],
    second: &[Score],
) -> Option<PairedDifference> {
    paired_difference(&pairs(benchmark, first, second))
}

/// The same for each category that items name, in alphabetical order.
pub fn compare_by_category(
    benchmark: &Benchmark,
    first: &[Score],
    second: &[Score],
) -> BTreeMap<String, PairedDifference> {
    let groups = grouped(benchmark, second).into_iter();
    let compared = groups.filter_map(|(name, second)| {
        let second: Vec<Score> = second.into_iter().cloned().collect();
        Some((name.to_owned(), compare(benchmark, first, &second)?))
    });
    compared.collect()
}

/// Whether two runs differ, over the samples that both scored, by tests that take an item as one unit; `None` if there
/// are no such samples (see [`statistics::paired_tests`]).
pub fn paired_tests(
    benchmark: &Benchmark,
    first: &[Score],
    second: &[Score],
    draws: u32,
    seed: Seed,
) -> Option<PairedTests> {
    statistics::paired_tests(&pairs(benchmark, first, second), draws, seed)
}

/// What both runs scored: cluster, first, second.
fn pairs<'a>(
    benchmark: &'a Benchmark,
    first: &[Score],
    second: &'a [Score],
) -> Vec<(&'a str, f64, f64)> {
    let clusters = clusters(benchmark);
    let numbers: BTreeMap<(&str, u32), f64> = first
        .iter()
        .filter_map(|s| Some(((s.item.as_str(), s.sample), s.value.number()?)))
        .collect();
    let pair = |s: &'a Score| {
        let x = numbers.get(&(s.item.as_str(), s.sample))?;
        let cluster = clusters.get(s.item.as_str()).copied().unwrap_or(&s.item);
        Some((cluster, *x, s.value.number()?))
    };
    second.iter().filter_map(pair).collect()
}

/// Scores by the category of their item.
fn grouped<'a>(benchmark: &'a Benchmark, scores: &'a [Score]) -> BTreeMap<&'a str, Vec<&'a Score>> {
    let categories: BTreeMap<&str, &str> = benchmark
        .items()
        .iter()
        .filter_map(|item| Some((item.id.as_str(), item.category.as_deref()?)))
        .collect();
    let mut groups: BTreeMap<&str, Vec<&Score>> = BTreeMap::new();
    for score in scores {
        if let Some(category) = categories.get(score.item.as_str()) {
            groups.entry(category).or_default().push(score);
        }
    }
    groups
}

fn clusters(benchmark: &Benchmark) -> BTreeMap<&str, &str> {
    benchmark.items().iter().map(|item| (item.id.as_str(), item.cluster())).collect()
}

#[cfg(test)]
mod tests;
