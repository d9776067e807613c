//! Which examples each optimizer step sees: a function of the step alone, so that resume needs no state.

use serde::{Deserialize, Serialize};
use thinksafe_core::seed::Seed;

/// The sizes that an optimizer step is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchSize {
    /// Examples that pass through the model at once.
    pub micro_batch: usize,
    /// Micro-batches in an optimizer step.
    pub accumulation: usize,
}

impl BatchSize {
    /// Examples in an optimizer step.
    pub fn global(self) -> usize {
        self.micro_batch * self.accumulation
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
}

/// The sequence of global batches of a run.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    examples: usize,
    batch: BatchSize,
    order: Order,
    seed: Seed,
    total_steps: u64,
    epoch: Option<(u64, Vec<usize>)>,
}

impl Plan {
    /// `examples` and both batch sizes are at least 1.
    pub(crate) fn new(
        examples: usize,
        batch: BatchSize,
        duration: Duration,
        order: Order,
        seed: Seed,
    ) -> Self {
        let steps_per_epoch = examples.div_ceil(batch.global()) as u64;
        let total_steps = match duration {
            Duration::Epochs(epochs) => u64::from(epochs) * steps_per_epoch,
            Duration::Steps(steps) => steps,
        };
        Self { examples, batch, order, seed: seed.purpose("sft.order"), total_steps, epoch: None }
    }

    pub(crate) fn total_steps(&self) -> u64 {
        self.total_steps
    }

    pub(crate) fn steps_per_epoch(&self) -> u64 {
        self.examples.div_ceil(self.batch.global()) as u64
    }

    /// The micro-batches of a step (from 0), as indices of examples. An epoch's last step may be smaller.
    pub(crate) fn micro_batches(&mut self, step: u64) -> Vec<Vec<usize>> {
        let epoch = step / self.steps_per_epoch();
        let start = (step % self.steps_per_epoch()) as usize * self.batch.global();
        let end = (start + self.batch.global()).min(self.examples);
        let micro_batch = self.batch.micro_batch;
        self.epoch_order(epoch)[start..end].chunks(micro_batch).map(<[usize]>::to_vec).collect()
    }

    fn epoch_order(&mut self, epoch: u64) -> &[usize] {
        let (examples, order, seed) = (self.examples, self.order, self.seed);
        let cached = self.epoch.take().filter(|(of, _)| *of == epoch);
        let (_, indices) = self.epoch.insert(cached.unwrap_or_else(|| {
            let indices = match order {
                Order::Shuffled => {
                    seed.purpose(&format!("epoch {epoch}")).stream().permutation(examples)
                }
                Order::AsGiven => (0..examples).collect(),
            };
            (epoch, indices)
        }));
        indices
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plan(examples: usize, micro_batch: usize, accumulation: usize, order: Order) -> Plan {
        let batch = BatchSize { micro_batch, accumulation };
        Plan::new(examples, batch, Duration::Epochs(2), order, Seed(1))
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
