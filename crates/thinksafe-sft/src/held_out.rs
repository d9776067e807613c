//! Held-out examples: when they are evaluated, and what follows from it.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::Error;
use crate::evaluate;
use crate::example::{Example, data_hash};
use crate::objective::Objective;
use crate::trainer::Trainer;

/// Examples that are not trained on, whose loss is measured during [`fit`](crate::fit).
///
/// An evaluation *improves* if its loss is below that of the best one before by more than `min_improvement`; the
/// first always does. Ties and smaller gains do not, so the best checkpoint is the earliest of those that are as good.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldOut<'a> {
    /// The examples.
    pub examples: &'a [Example],
    /// What is measured on them; it need not be what is minimised.
    pub objective: Objective,
    /// Examples that pass through the model at once.
    pub micro_batch: usize,
    /// Optimizer steps between two evaluations; 0: only after the last step, which always has one.
    pub every_steps: u64,
    /// By how much a loss must fall below the best to count, in the loss's units; 0: by anything.
    pub min_improvement: f64,
    /// Training ends after so many evaluations in a row without improvement; none: it does not end early.
    pub patience: Option<u32>,
    /// Each evaluation that improves is followed by a checkpoint, and the best one stays beside the newest.
    pub keep_best: bool,
}

impl<'a> HeldOut<'a> {
    /// Cross-entropy on these examples every 500 steps, eight at a time; the best checkpoint is kept, and nothing ends
    /// training early.
    pub fn new(examples: &'a [Example]) -> Self {
        Self {
            examples,
            objective: Objective::default(),
            micro_batch: 8,
            every_steps: 500,
            min_improvement: 0.0,
            patience: None,
            keep_best: true,
        }
    }

    /// Finds before the first step what would fail after many.
    pub(crate) fn validate(&self, trainer: &mut Trainer<'_>) -> Result<(), Error> {
        let refuse = |field, reason: String| Err(Error::Config { field, reason });
        evaluate::validate(trainer.model(), self.examples, &self.objective, self.micro_batch)?;
        if self.patience == Some(0) {
            return refuse("held_out.patience", "expected a number from 1, found 0".to_owned());
        }
        let least = self.min_improvement;
        if !least.is_finite() || least < 0.0 {
            let reason = format!("expected a number from 0, found {least}");
            return refuse("held_out.min_improvement", reason);
        }
        Ok(())
    }

    /// Whether there is an evaluation after a step (from 1) of a run.
    pub(crate) fn is_due(&self, step: u64, total_steps: u64) -> bool {
        step == total_steps || (self.every_steps > 0 && step.is_multiple_of(self.every_steps))
    }

    /// The step of an evaluation, by its index from 0.
    pub(crate) fn step_of(&self, index: u64, total_steps: u64) -> u64 {
        match self.every_steps {
            0 => total_steps,
            every => (index + 1).saturating_mul(every).min(total_steps),
        }
    }

    /// How many evaluations there are in the first `done` steps.
    pub(crate) fn count(&self, done: u64, total_steps: u64) -> u64 {
        let regular = done.checked_div(self.every_steps).unwrap_or(0);
        let last = done == total_steps
            && (self.every_steps == 0 || !done.is_multiple_of(self.every_steps));
        regular + u64::from(last)
    }

    /// What decides the evaluations' log and which of them are best: a resumed run must have the same.
    pub(crate) fn settings(&self) -> serde_json::Value {
        json!({
            "data": data_hash(self.examples),
            "objective": self.objective,
            "micro_batch": self.micro_batch,
            "every_steps": self.every_steps,
            "min_improvement": self.min_improvement,
        })
    }
}

/// An evaluation that none before it was better than.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Best {
    /// The optimizer step after which it was made.
    pub step: u64,
    /// The loss on the held-out examples.
    pub loss: f64,
}

/// What evaluations have said so far: the state behind best-by-evaluation and early stop.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Standing {
    pub(crate) best: Option<Best>,
    /// Evaluations since the best one.
    pub(crate) stale: u32,
}

impl Standing {
    /// Takes an evaluation into account; whether it improves on the best.
    pub(crate) fn take(&mut self, step: u64, loss: f64, min_improvement: f64) -> bool {
        let improves = self.best.is_none_or(|best| loss < best.loss - min_improvement);
        if improves {
            *self = Self { best: Some(Best { step, loss }), stale: 0 };
        } else {
            self.stale = self.stale.saturating_add(1);
        }
        improves
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_fall_of_more_than_the_least_improves() {
        let mut standing = Standing::default();
        let improves: Vec<bool> = [(1, 2.0), (2, 2.0), (3, 1.75), (4, 1.5), (5, 1.75)]
            .map(|(step, loss)| standing.take(step, loss, 0.25))
            .to_vec();
        assert_eq!(improves, [true, false, false, true, false]);
        assert_eq!(standing, Standing { best: Some(Best { step: 4, loss: 1.5 }), stale: 1 });
    }

    #[test]
    fn evaluations_are_numbered_as_they_fall_due() {
        for every_steps in [0, 1, 3, 4, 9] {
            let held_out = HeldOut { every_steps, ..HeldOut::new(&[]) };
            for total in [1, 3, 8, 9] {
                let mut steps = Vec::new();
                for done in 1..=total {
                    steps.extend(held_out.is_due(done, total).then_some(done));
                    assert_eq!(held_out.count(done, total), steps.len() as u64);
                }
                let numbered = (0..).zip(&steps).map(|(i, _)| held_out.step_of(i, total));
                assert_eq!(numbered.collect::<Vec<_>>(), steps, "every {every_steps} of {total}");
            }
        }
    }
}
