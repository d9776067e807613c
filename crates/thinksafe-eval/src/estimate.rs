//! Metrics: what the scores of a benchmark amount to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::benchmark::Benchmark;
use crate::score::{Score, Unscored, Value};
use crate::statistics::{Interval, Observation, PairedDifference, paired_difference, proportion};

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
    benchmark: &Benchmark,
    scores: impl IntoIterator<Item = &'a Score>,
) -> Estimate {
    let clusters = clusters(benchmark);
    let mut observations = Vec::new();
    let mut unscored = BTreeMap::new();
    for score in scores {
        match score.value {
            Value::Unscored(reason) => *unscored.entry(reason).or_insert(0) += 1,
            Value::Binary(_) | Value::Degree(_) => observations.push(Observation {
                cluster: clusters.get(score.item.as_str()).copied().unwrap_or(&score.item),
                value: score.value.number().unwrap_or_default(),
            }),
        }
    }
    Estimate { rate: proportion(&observations), scored: observations.len() as u64, unscored }
}

/// The rate for each category that items name, in alphabetical order.
pub fn by_category(benchmark: &Benchmark, scores: &[Score]) -> BTreeMap<String, Estimate> {
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
    let estimates = groups.into_iter();
    estimates.map(|(name, scores)| (name.to_owned(), estimate(benchmark, scores))).collect()
}

/// How the second run's scores differ from the first's, over the samples that both scored; `None` if there are none.
pub fn compare(
    benchmark: &Benchmark,
    first: &[Score],
    second: &[Score],
) -> Option<PairedDifference> {
    let clusters = clusters(benchmark);
    let numbers: BTreeMap<(&str, u32), f64> = first
        .iter()
        .filter_map(|s| Some(((s.item.as_str(), s.sample), s.value.number()?)))
        .collect();
    let pairs: Vec<(&str, f64, f64)> = second
        .iter()
        .filter_map(|s| {
            let x = numbers.get(&(s.item.as_str(), s.sample))?;
            let cluster = clusters.get(s.item.as_str()).copied().unwrap_or(&s.item);
            Some((cluster, *x, s.value.number()?))
        })
        .collect();
    paired_difference(&pairs)
}

fn clusters(benchmark: &Benchmark) -> BTreeMap<&str, &str> {
    benchmark.items().iter().map(|item| (item.id.as_str(), item.cluster())).collect()
}
