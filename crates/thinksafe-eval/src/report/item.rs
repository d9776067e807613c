//! The items that a result is over: enough to find them again in another run, and none of their words.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use thinksafe_core::hash::ContentHash;

use crate::Error;
use crate::benchmark::{Benchmark, Item};

/// An item without its words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemKey {
    /// Its id in the benchmark.
    pub id: String,
    /// Hash of its text and its right answer. What is sent may differ, steered or attacked; these may not.
    pub content: ContentHash,
    /// Hash of what it shares with items that it is not independent of.
    pub cluster: ContentHash,
    /// The group that results are also given for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
}

impl ItemKey {
    fn new(item: &Item) -> Self {
        Self {
            id: item.id.clone(),
            content: ContentHash::of("thinksafe.item", &(&item.text, &item.reference)),
            cluster: ContentHash::of("thinksafe.cluster", &item.cluster()),
            category: item.category.clone(),
        }
    }
}

/// The items of a benchmark, in its order.
pub(super) fn keys(benchmark: &Benchmark) -> Vec<ItemKey> {
    benchmark.items().iter().map(ItemKey::new).collect()
}

/// Refuses items that are not those of the first run: what stands in one row is over the same items.
pub(super) fn check_same(
    (run, benchmark): (&str, &str),
    items: &[ItemKey],
    first: &[ItemKey],
) -> Result<(), Error> {
    let contents: HashMap<&str, &ContentHash> =
        first.iter().map(|item| (item.id.as_str(), &item.content)).collect();
    let found = |item: &ItemKey| contents.get(item.id.as_str()).copied();
    let added = items.iter().filter(|item| found(item).is_none()).count();
    let changed =
        items.iter().filter(|item| found(item).is_some_and(|c| *c != item.content)).count();
    let missing = first.len() - (items.len() - added);
    if added + changed + missing == 0 {
        return Ok(());
    }
    let (run, benchmark) = (run.to_owned(), benchmark.to_owned());
    Err(Error::OtherItems { run, benchmark, added, missing, changed })
}
