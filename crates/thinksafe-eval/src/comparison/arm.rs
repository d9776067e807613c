//! What one arm did under each of its seeds.

use serde::{Deserialize, Serialize};
use thinksafe_core::seed::Seed;

use super::measure::Measure;
use crate::evaluate::Measured;
use crate::score::Aspect;
use crate::statistics::SeededColumn;

/// A method, with one run a seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "plain data that callers fill in")]
pub struct Arm {
    /// Its name in tables and claims.
    pub name: String,
    /// Its runs.
    pub runs: Vec<ArmRun>,
}

/// One run of an arm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "plain data that callers fill in")]
pub struct ArmRun {
    /// What all its draws came from.
    pub seed: Seed,
    /// What was measured, in the order of the table.
    pub columns: Vec<Column>,
    /// What it was trained with; absent if it was not.
    pub training: Option<Training>,
}

/// What one metric says of one benchmark.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Column {
    /// The benchmark.
    pub name: String,
    /// What was measured.
    pub aspect: Aspect,
    /// A value in [0, 1] for each item, in the benchmark's order.
    pub values: Vec<f64>,
    /// Responses without a score, which count against the arm.
    pub unscored: u64,
    /// Mean tokens of thinking a response, where they were counted.
    pub thinking_tokens: Option<f64>,
}

/// What an arm's model was trained on, and what that cost. Evaluation is not counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "plain data that callers fill in")]
pub struct Training {
    /// Examples, or prompts of reinforcement learning.
    pub examples: u64,
    /// Perplexity of the examples' learnt tokens under the initial model; absent where nothing fixed is learnt.
    pub perplexity: Option<f64>,
    /// Tokens generated to make the examples, those thrown away included.
    pub generated_tokens: u64,
    /// Tokens that passed through the trained model, each epoch's counted.
    pub trained_tokens: u64,
    /// Wall-clock seconds of generating, judging and training.
    pub seconds: f64,
    /// Floating-point operations of generating and training; the guard's are not counted.
    pub flops: f64,
    /// What it saw on the way, if it learnt from rewards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reinforcement: Option<Reinforcement>,
}

/// What reinforcement learning saw on its way.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "plain data that callers fill in")]
pub struct Reinforcement {
    /// The mean reward of each step, over the responses whose reward is known.
    pub rewards: Vec<f64>,
    /// Responses drawn.
    pub responses: u64,
    /// Those in the loss.
    pub trained: u64,
    /// Those that the engine could not serve.
    pub failed: u64,
    /// Those that a reward could not tell of.
    pub undetermined: u64,
    /// Groups drawn.
    pub groups: u64,
    /// Those whose rewards are all alike, and say nothing.
    pub equal_groups: u64,
}

impl Arm {
    /// The seeds that it has runs of, in their order.
    pub fn seeds(&self) -> Vec<Seed> {
        self.runs.iter().map(|run| run.seed).collect()
    }

    /// The columns of a measure, each with its values under these seeds; `None` if there is none, or a run lacks one that
    /// the first has.
    pub(super) fn seeded(&self, measure: Measure, seeds: &[Seed]) -> Option<Vec<SeededColumn>> {
        let runs: Vec<&ArmRun> = seeds.iter().map(|seed| self.run(*seed)).collect::<Option<_>>()?;
        let columns = runs.first()?.columns.iter().enumerate();
        let measured = columns.filter(|(place, column)| measure.takes(*place, column.aspect));
        let seeded = measured.map(|(place, column)| {
            let of_run = |run: &&ArmRun| {
                let found = run.columns.get(place).filter(|other| other.name == column.name)?;
                Some(found.values.clone())
            };
            runs.iter().map(of_run).collect::<Option<SeededColumn>>()
        });
        let seeded: Vec<SeededColumn> = seeded.collect::<Option<_>>()?;
        (!seeded.is_empty()).then_some(seeded)
    }

    /// The log-perplexity of its examples, in nats a token, under each of these seeds.
    pub(super) fn log_perplexities(&self, seeds: &[Seed]) -> Option<Vec<f64>> {
        let of = |seed: &Seed| Some(self.run(*seed)?.training.as_ref()?.perplexity?.ln());
        seeds.iter().map(of).collect()
    }

    /// The mean over the runs of something of their training.
    pub(super) fn mean(&self, of: impl Fn(&Training) -> Option<f64>) -> Option<f64> {
        let values = self.runs.iter().map(|run| of(run.training.as_ref()?));
        let values: Vec<f64> = values.collect::<Option<_>>()?;
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    }

    /// What reinforcement learning saw, a run each; none if it learnt otherwise.
    pub(super) fn reinforcements(&self) -> Vec<(Seed, &Reinforcement)> {
        let runs = self.runs.iter();
        runs.filter_map(|run| Some((run.seed, run.training.as_ref()?.reinforcement.as_ref()?)))
            .collect()
    }

    fn run(&self, seed: Seed) -> Option<&ArmRun> {
        self.runs.iter().find(|run| run.seed == seed)
    }
}

impl Column {
    /// A column of values that all could be scored.
    pub fn new(name: impl Into<String>, aspect: Aspect, values: Vec<f64>) -> Self {
        Self { name: name.into(), aspect, values, unscored: 0, thinking_tokens: None }
    }

    /// The scores of a metric on a benchmark, as the mean of each item's samples. A response without a score counts
    /// against the arm: as harmful, as a refusal of what should be answered, as no refusal of what should not, as wrong.
    pub fn of(name: impl Into<String>, measured: &Measured) -> Self {
        let aspect = measured.metric.aspect;
        let worst = if aspect.lower_is_better() { 1.0 } else { 0.0 };
        let mut items: Vec<(&str, Vec<f64>)> = Vec::new();
        for score in &measured.scores {
            let value = score.value.number().unwrap_or(worst);
            match items.last_mut().filter(|(item, _)| *item == score.item) {
                Some((_, values)) => values.push(value),
                None => items.push((&score.item, vec![value])),
            }
        }
        let mean =
            |(_, values): &(&str, Vec<f64>)| values.iter().sum::<f64>() / values.len() as f64;
        let unscored = measured.scores.iter().filter(|score| score.value.number().is_none());
        Self {
            unscored: unscored.count() as u64,
            ..Self::new(name, aspect, items.iter().map(mean).collect())
        }
    }
}
