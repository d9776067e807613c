//! Which examples each optimizer step sees: a function of the step alone, so that resume needs no state.

use serde::{Deserialize, Serialize};
use thinksafe_core::seed::Seed;

use crate::pack::pack;

/// The sizes that an optimizer step is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "plain settings")]
pub struct BatchSize {
    /// Examples of an optimizer step: the global batch.
    pub examples: usize,
    /// How many of them pass through the model at once.
    pub micro: MicroBatch,
}

/// How a global batch is cut into micro-batches. It decides how much memory a step takes and nothing else: examples of a
/// micro-batch lie one behind the other without padding, none sees another, and the loss is that of the global batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "sizes count examples or tokens")]
pub enum MicroBatch {
    /// So many examples each, in their order.
    Examples(usize),
    /// As many examples as fit into so many tokens (first fit, longest first); an example that is longer passes alone.
    Tokens(usize),
}

impl BatchSize {
    /// Micro-batches of `micro_batch` examples, `accumulation` of them in an optimizer step.
    pub fn accumulated(micro_batch: usize, accumulation: usize) -> Self {
        Self { examples: micro_batch * accumulation, micro: MicroBatch::Examples(micro_batch) }
    }
}

/// How long training lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "training is measured in epochs or in steps")]
pub enum Duration {
    /// Passes over all examples.
    Epochs(u32),
    /// Optimizer steps, over as many epochs as they take.
    Steps(u64),
}

/// The order of the examples within an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Order {
    /// A new permutation each epoch, from the run's seed.
    Shuffled,
    /// As given, every epoch.
    AsGiven,
    /// As `Shuffled`, but within each window of so many global batches examples are sorted by length before they are cut
    /// into batches, whose order is then shuffled: batches of like lengths, which keep devices equally busy.
    LengthGrouped {
        /// Global batches that are sorted together.
        window: usize,
    },
}

/// The sequence of global batches of a run.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// The tokens of each example.
    lengths: Vec<usize>,
    batch: BatchSize,
    order: Order,
    seed: Seed,
    total_steps: u64,
    epoch: Option<(u64, Vec<usize>)>,
}

impl Plan {
    /// There is at least one example, and all sizes are at least 1.
    pub(crate) fn new(
        lengths: Vec<usize>,
        batch: BatchSize,
        duration: Duration,
        order: Order,
        seed: Seed,
    ) -> Self {
        let steps_per_epoch = lengths.len().div_ceil(batch.examples) as u64;
        let total_steps = match duration {
            Duration::Epochs(epochs) => u64::from(epochs) * steps_per_epoch,
            Duration::Steps(steps) => steps,
        };
        Self { lengths, batch, order, seed: seed.purpose("sft.order"), total_steps, epoch: None }
    }

    pub(crate) fn total_steps(&self) -> u64 {
        self.total_steps
    }

    pub(crate) fn steps_per_epoch(&self) -> u64 {
        self.lengths.len().div_ceil(self.batch.examples) as u64
    }

    /// The micro-batches of a step (from 0), as indices of examples. An epoch's last step may be smaller.
    pub(crate) fn micro_batches(&mut self, step: u64) -> Vec<Vec<usize>> {
        let epoch = step / self.steps_per_epoch();
        let start = (step % self.steps_per_epoch()) as usize * self.batch.examples;
        let end = (start + self.batch.examples).min(self.lengths.len());
        let global = self.epoch_order(epoch)[start..end].to_vec();
        match self.batch.micro {
            MicroBatch::Examples(count) => global.chunks(count).map(<[usize]>::to_vec).collect(),
            MicroBatch::Tokens(most) => pack(&global, &self.lengths, most),
        }
    }

    fn epoch_order(&mut self, epoch: u64) -> &[usize] {
        let cached = self.epoch.take().filter(|(of, _)| *of == epoch);
        let (_, indices) = cached.unwrap_or_else(|| (epoch, self.order_of(epoch)));
        &self.epoch.insert((epoch, indices)).1
    }

    fn order_of(&self, epoch: u64) -> Vec<usize> {
        let examples = self.lengths.len();
        let seed = self.seed.purpose(&format!("epoch {epoch}"));
        match self.order {
            Order::AsGiven => (0..examples).collect(),
            Order::Shuffled => seed.stream().permutation(examples),
            Order::LengthGrouped { window } => {
                let mut indices = seed.stream().permutation(examples);
                for window in indices.chunks_mut(window * self.batch.examples) {
                    window.sort_by_key(|index| self.lengths[*index]);
                }
                shuffled_batches(&indices, self.batch.examples, seed.purpose("batches"))
            }
        }
    }
}

/// Whole batches in a random order; a smaller last one stays last.
fn shuffled_batches(indices: &[usize], batch: usize, seed: Seed) -> Vec<usize> {
    let (whole, rest) = indices.split_at(indices.len() / batch * batch);
    let batches: Vec<&[usize]> = whole.chunks(batch).collect();
    let order = seed.stream().permutation(batches.len());
    order.into_iter().flat_map(|i| batches[i]).chain(rest).copied().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plan(examples: usize, micro_batch: usize, accumulation: usize, order: Order) -> Plan {
        let batch = BatchSize::accumulated(micro_batch, accumulation);
        let lengths = (0..examples).map(|i| 1 + i * 7919 % 31).collect();
        Plan::new(lengths, batch, Duration::Epochs(2), order, Seed(1))
    }

    #[test]
    fn the_last_window_of_an_epoch_is_smaller() {
        let mut plan = plan(7, 2, 2, Order::AsGiven);
        assert_eq!(plan.total_steps(), 4);
        assert_eq!(plan.micro_batches(0), [vec![0, 1], vec![2, 3]]);
        assert_eq!(plan.micro_batches(1), [vec![4, 5], vec![6]]);
        assert_eq!(plan.micro_batches(2), [vec![0, 1], vec![2, 3]]);
    }

    #[test]
    fn epochs_differ_and_any_step_can_be_asked_first() {
        let order = |plan: &mut Plan, step| plan.micro_batches(step).concat();
        let mut forward = plan(50, 50, 1, Order::Shuffled);
        let (first, second) = (order(&mut forward, 0), order(&mut forward, 1));
        assert_ne!(first, second);
        assert_eq!(order(&mut plan(50, 50, 1, Order::Shuffled), 1), second);
    }

    #[test]
    fn batches_of_like_lengths_come_in_any_order() {
        let mut plan = plan(64, 4, 1, Order::LengthGrouped { window: 16 });
        let batches: Vec<Vec<usize>> = (0..16).map(|s| plan.micro_batches(s).concat()).collect();
        let length = |i: &usize| 1 + i * 7919 % 31;
        let means: Vec<usize> = batches.iter().map(|b| b.iter().map(length).sum()).collect();
        assert!(!means.is_sorted(), "{means:?}");
        for batch in &batches {
            let spread =
                batch.iter().map(length).max().unwrap() - batch.iter().map(length).min().unwrap();
            assert!(spread <= 4, "{batch:?}");
        }
        let mut seen = batches.concat();
        seen.sort_unstable();
        assert_eq!(seen, (0..64).collect::<Vec<_>>());
    }

    proptest! {
        #[test]
        fn an_epoch_holds_every_example_once(n in 1usize..60, micro in 1usize..7, accumulation in 1usize..4) {
            let mut plan = plan(n, micro, accumulation, Order::Shuffled);
            let mut seen: Vec<usize> =
                (0..plan.steps_per_epoch()).flat_map(|s| plan.micro_batches(s).concat()).collect();
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..n).collect::<Vec<_>>());
        }
    }
}
