//! How a run differs from the first on the same responses.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use thinksafe_core::seed::Seed;

use super::ComparedBenchmark;
use super::matching::Matching;
use crate::estimate::{Estimate, estimate_of};
use crate::report::ItemKey;
use crate::score::{Score, Value};
use crate::statistics::{PairedDifference, PairedTests, holm, paired_difference, paired_tests};

/// A paired difference and its tests.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The run minus the first, over the responses that both have a score for.
    pub difference: PairedDifference,
    /// The tests of no change; absent where nothing was drawn.
    pub tests: Option<PairedTests>,
    /// The p-value to quote (see [`PairedTests::p_value`]).
    pub p_value: Option<f64>,
    /// The same, adjusted for all those of the comparison by Holm's method.
    pub adjusted_p_value: Option<f64>,
}

/// What tests draw.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draws {
    pub(super) count: u32,
    pub(super) seed: Seed,
}

/// A run's values of a metric on the shared responses.
#[derive(Default)]
pub(super) struct Measurement<'a> {
    values: Vec<(&'a ItemKey, u32, Value)>,
}

impl<'a> Measurement<'a> {
    pub(super) fn new(matching: &Matching<'a>, scores: &[Score]) -> Self {
        let value = |score: &Score| Some((matching.item(score)?, score.sample, score.value));
        Self { values: scores.iter().filter_map(value).collect() }
    }

    pub(super) fn estimate(&self) -> Estimate {
        estimate_of(self.values.iter().map(|(item, _, value)| (item.cluster.as_str(), *value)))
    }

    /// The values by the category of their item.
    pub(super) fn by_category(&self) -> BTreeMap<&'a str, Self> {
        let mut groups: BTreeMap<&str, Self> = BTreeMap::new();
        for value in &self.values {
            if let Some(category) = value.0.category.as_deref() {
                groups.entry(category).or_default().values.push(*value);
            }
        }
        groups
    }

    /// `None` if no response has a score in both.
    pub(super) fn change_from(&self, before: &Self, draws: Draws) -> Option<Change> {
        let pairs = self.pairs(before);
        let tests = paired_tests(&pairs, draws.count, draws.seed);
        Some(Change {
            difference: paired_difference(&pairs)?,
            tests,
            p_value: tests.map(|tests| tests.p_value()),
            adjusted_p_value: None,
        })
    }

    /// What both scored: cluster, before, after.
    fn pairs(&self, before: &Self) -> Vec<(&'a str, f64, f64)> {
        let key = |item: &'a ItemKey, sample: u32| (item.id.as_str(), sample);
        let earlier: HashMap<(&str, u32), f64> = before
            .values
            .iter()
            .filter_map(|(item, sample, value)| Some((key(item, *sample), value.number()?)))
            .collect();
        let pair = |(item, sample, value): &(&'a ItemKey, u32, Value)| {
            let before = earlier.get(&key(item, *sample))?;
            Some((item.cluster.as_str(), *before, value.number()?))
        };
        self.values.iter().filter_map(pair).collect()
    }
}

/// Adjusts the p-values of benchmarks for their number, and likewise those of categories.
pub(super) fn adjust(benchmarks: &mut [ComparedBenchmark]) {
    let (mut whole, mut by_category) = (Vec::new(), Vec::new());
    for run in benchmarks.iter_mut().flat_map(|b| &mut b.metrics).flat_map(|m| &mut m.runs) {
        whole.extend(&mut run.change);
        by_category.extend(run.categories.values_mut().filter_map(|c| c.change.as_mut()));
    }
    adjust_family(whole);
    adjust_family(by_category);
}

fn adjust_family(changes: Vec<&mut Change>) {
    let p_values: Vec<f64> = changes.iter().filter_map(|change| change.p_value).collect();
    let tested = changes.into_iter().filter(|change| change.p_value.is_some());
    for (change, adjusted) in tested.zip(holm(&p_values)) {
        change.adjusted_p_value = Some(adjusted);
    }
}
