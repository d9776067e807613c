//! Which items and samples all runs have.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use thinksafe_core::hash::ContentHash;

use crate::report::{BenchmarkResult, ItemKey};
use crate::score::Score;

/// What a run was asked of a benchmark that a comparison is not over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    /// Items whose id another run lacks.
    pub items: u64,
    /// Items whose id all runs have, with another text or right answer in one.
    pub changed: u64,
    /// The ids of the first of both.
    pub ids: Vec<String>,
    /// Samples of each item beyond those that all runs have.
    pub samples: u32,
}

impl LeftOut {
    /// Whether the comparison is over all that the run was asked.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// How many ids of what is left out are kept.
const IDS: usize = 20;

/// The items, by id, that are the same in all runs; and how many samples of each all have.
pub(super) struct Matching<'a> {
    items: HashMap<&'a str, &'a ItemKey>,
    samples: u32,
}

impl<'a> Matching<'a> {
    /// The matching of several runs' results on one benchmark. Categories and clusters are those of the first.
    pub(super) fn new(results: &[&'a BenchmarkResult]) -> Self {
        let contents: Vec<HashMap<&str, &ContentHash>> =
            results.iter().map(|result| contents(result)).collect();
        let is_shared = |item: &&ItemKey| {
            contents.iter().all(|of| of.get(item.id.as_str()) == Some(&&item.content))
        };
        let items = results.first().map_or(&[][..], |first| &first.items);
        Self {
            items: items.iter().filter(is_shared).map(|item| (item.id.as_str(), item)).collect(),
            samples: results.iter().map(|result| result.settings.samples).min().unwrap_or(0),
        }
    }

    /// How many items are shared.
    pub(super) fn items(&self) -> u64 {
        self.items.len() as u64
    }

    /// How many samples of each.
    pub(super) fn samples(&self) -> u32 {
        self.samples
    }

    pub(super) fn has(&self, item: &str) -> bool {
        self.items.contains_key(item)
    }

    /// The item of a score, if all runs have it and the sample.
    pub(super) fn item(&self, score: &Score) -> Option<&'a ItemKey> {
        self.items.get(score.item.as_str()).copied().filter(|_| score.sample < self.samples)
    }

    /// What a run has beyond the others.
    pub(super) fn left_out(&self, result: &BenchmarkResult, all: &[&BenchmarkResult]) -> LeftOut {
        let everywhere: Vec<HashMap<&str, &ContentHash>> =
            all.iter().map(|result| contents(result)).collect();
        let outside: Vec<&ItemKey> =
            result.items.iter().filter(|item| !self.has(&item.id)).collect();
        let is_changed =
            |item: &&&ItemKey| everywhere.iter().all(|of| of.contains_key(item.id.as_str()));
        let changed = outside.iter().filter(is_changed).count();
        LeftOut {
            items: (outside.len() - changed) as u64,
            changed: changed as u64,
            ids: outside.iter().take(IDS).map(|item| item.id.clone()).collect(),
            samples: result.settings.samples - self.samples,
        }
    }
}

fn contents(result: &BenchmarkResult) -> HashMap<&str, &ContentHash> {
    result.items.iter().map(|item| (item.id.as_str(), &item.content)).collect()
}
