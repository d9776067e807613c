//! What a run logs: a record an optimizer step, and one an evaluation of held-out examples.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thinksafe_core::hash::ContentHash;
use thinksafe_core::log::Record;

use crate::evaluate::Evaluation;
use crate::step_log::AtStep;

/// What happened in one optimizer step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepRecord {
    /// The hash of the run (settings, data, model) and the step.
    pub key: ContentHash,
    /// The optimizer step, from 1.
    pub step: u64,
    /// Epochs finished after it; a fraction within an epoch.
    pub epoch: f64,
    /// The value of the objective on the global batch, before the update.
    pub loss: f64,
    /// The value of each term, in the objective's order.
    pub terms: Vec<TermValue>,
    /// The learning rate of the update.
    pub lr: f64,
    /// The 2-norm of the gradient, before clipping.
    pub grad_norm: f64,
    /// Tokens that passed through the model, padding not counted.
    pub tokens: u64,
    /// Tokens of them that were supervised.
    pub supervised_tokens: u64,
}

/// The value of one term of the objective, its coefficient included.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TermValue {
    /// The loss's name.
    pub loss: String,
    /// Its share of the objective.
    pub value: f64,
}

impl Record for StepRecord {
    const FORMAT: &'static str = "thinksafe.sft.steps";
    const VERSION: u32 = 1;

    fn key(&self) -> &ContentHash {
        &self.key
    }
}

impl AtStep for StepRecord {
    fn step(&self) -> u64 {
        self.step
    }
}

/// The key of a step's record.
pub(crate) fn step_key(run: &ContentHash, step: u64) -> ContentHash {
    ContentHash::of("thinksafe.sft.step", &(run, step))
}

/// The loss on held-out examples after an optimizer step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluationRecord {
    /// The hash of the run, of what was evaluated, and the step.
    pub key: ContentHash,
    /// The optimizer step after which it was made.
    pub step: u64,
    /// The value of the objective, all held-out examples being one global batch.
    pub loss: f64,
    /// The value of each term, in the objective's order.
    pub terms: Vec<TermValue>,
    /// Supervised tokens.
    pub supervised_tokens: u64,
}

impl EvaluationRecord {
    pub(crate) fn new(key: ContentHash, step: u64, evaluation: Evaluation) -> Self {
        let Evaluation { loss, terms, supervised_tokens } = evaluation;
        Self { key, step, loss, terms, supervised_tokens }
    }
}

impl Record for EvaluationRecord {
    const FORMAT: &'static str = "thinksafe.sft.evaluations";
    const VERSION: u32 = 1;

    fn key(&self) -> &ContentHash {
        &self.key
    }
}

impl AtStep for EvaluationRecord {
    fn step(&self) -> u64 {
        self.step
    }
}

/// The key of an evaluation's record.
pub(crate) fn evaluation_key(run: &ContentHash, held_out: &Value, step: u64) -> ContentHash {
    ContentHash::of("thinksafe.sft.evaluation", &(run, held_out, step))
}

/// A name for each term that tells it apart: its loss's, with a number where several have the same.
pub(crate) fn term_names(terms: &[TermValue]) -> Vec<String> {
    let name = |(i, term): (usize, &TermValue)| {
        let before = terms[..i].iter().filter(|other| other.loss == term.loss).count();
        if before == 0 { term.loss.clone() } else { format!("{}_{}", term.loss, before + 1) }
    };
    terms.iter().enumerate().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_with_one_loss_have_names_that_differ() {
        let term = |loss: &str| TermValue { loss: loss.to_owned(), value: 0.0 };
        let names = term_names(&[term("a"), term("b"), term("a")]);
        assert_eq!(names, ["a", "b", "a_2"]);
    }
}
