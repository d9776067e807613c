//! A sequence of random choices from one seed.

use thinksafe_core::seed::{Philox, Seed};

/// Draws in order from a counter-based stream.
#[derive(Debug, Clone)]
pub(crate) struct Draws {
    stream: Philox,
    position: u64,
}

impl Draws {
    pub(crate) fn new(seed: Seed) -> Self {
        Self { stream: seed.stream(), position: 0 }
    }

    /// The draws of the `index`-th item under a seed, independent of all other items.
    pub(crate) fn of_item(seed: Seed, index: u64) -> Self {
        Self::new(Seed(seed.stream().bits(index)))
    }

    pub(crate) fn uniform(&mut self) -> f64 {
        self.position += 1;
        self.stream.uniform(self.position - 1)
    }

    /// True with the given probability.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.uniform() < probability
    }

    /// A number below `n`, which is at least 1.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.uniform() * n as f64) as usize
    }

    /// One of the items, of which there is at least one.
    pub(crate) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    /// An index, each with the probability of its weight (the weights sum to 1).
    pub(crate) fn weighted(&mut self, weights: &[f64]) -> usize {
        let mut rest = self.uniform();
        for (index, weight) in weights.iter().enumerate() {
            rest -= weight;
            if rest < 0.0 {
                return index;
            }
        }
        weights.len() - 1
    }
}
