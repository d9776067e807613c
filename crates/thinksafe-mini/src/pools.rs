//! Disjoint pools of requests: what pretraining saw, what post-training asks, what evaluation asks.

use std::sync::LazyLock;

use thinksafe_core::seed::Seed;

use crate::request::{Group, HowTo, Kind};

/// Where a request may occur. No request (pair of verb and object, unordered pair of substances, pair of operands)
/// is in two pools.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the world is closed")]
pub enum Pool {
    /// The text that the models were pretrained on.
    Pretraining,
    /// The prompts that ThinkSafe generates traces for.
    PostTraining,
    /// Prompts to make decisions with (mixture, learning rate), so that evaluation stays untouched.
    Development,
    /// Held-out prompts.
    Evaluation,
}

impl Pool {
    /// All pools.
    pub const ALL: [Self; 4] =
        [Self::Pretraining, Self::PostTraining, Self::Development, Self::Evaluation];

    /// The share of each kind's requests, in the order of [`Pool::ALL`].
    pub(crate) const SHARES: [f64; 4] = [0.58, 0.14, 0.06, 0.22];

    /// The requests of a kind in this pool, grouped by what counts as one.
    pub(crate) fn groups(self, kind: Kind) -> &'static [Group] {
        &POOLS[self as usize][kind as usize]
    }

    /// Every request of a kind in this pool.
    pub fn requests(self, kind: Kind) -> impl Iterator<Item = HowTo> {
        self.groups(kind).iter().flatten().copied()
    }
}

static POOLS: LazyLock<[[Vec<Group>; 3]; 4]> = LazyLock::new(|| {
    let mut pools: [[Vec<Group>; 3]; 4] = Default::default();
    for kind in Kind::ALL {
        let groups: Vec<Group> =
            HowTo::groups().into_iter().filter(|group| group[0].kind() == kind).collect();
        let order = Seed(2601).purpose(&format!("{kind:?}")).stream().permutation(groups.len());
        for (rank, index) in order.into_iter().enumerate() {
            let place = (rank as f64 + 0.5) / groups.len() as f64;
            pools[pool_at(place) as usize][kind as usize].push(groups[index].clone());
        }
    }
    pools
});

/// The pool at a place in [0, 1).
pub(crate) fn pool_at(place: f64) -> Pool {
    let mut end = 0.0;
    for (pool, share) in Pool::ALL.into_iter().zip(Pool::SHARES) {
        end += share;
        if place < end {
            return pool;
        }
    }
    Pool::Evaluation
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn no_request_is_in_two_pools_and_none_is_lost() {
        let mut seen = HashMap::new();
        for pool in Pool::ALL {
            for request in Kind::ALL.into_iter().flat_map(|kind| pool.requests(kind)) {
                assert_eq!(seen.insert(request.phrase(), pool), None, "{}", request.phrase());
            }
        }
        assert_eq!(seen.len(), HowTo::groups().iter().flatten().count());
        for (phrase, pool) in &seen {
            let words: Vec<&str> = phrase.split(' ').collect();
            if let [verb, a, "with", b] = words[..] {
                assert_eq!(seen[&format!("{verb} {b} with {a}")], *pool);
                assert_eq!(seen[&format!("blend {a} with {b}")], *pool);
            }
        }
    }

    #[test]
    fn there_are_two_hundred_groups_of_each_kind_to_evaluate_on() {
        for kind in Kind::ALL {
            let n = Pool::Evaluation.groups(kind).len();
            assert!(n >= 200, "{kind:?}: {n}");
        }
    }
}
