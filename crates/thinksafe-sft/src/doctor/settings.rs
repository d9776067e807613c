//! Checks of the settings alone.

use super::{Check, Finding, Outcome};
use crate::config::{SftConfig, Trainable};
use crate::objective::Reduction;
use crate::plan::{MicroBatch, Plan};

/// The largest peak rate that is no slip for an adapter: adapters take about ten times the rate of all weights.
const LARGEST_LORA_RATE: f64 = 1e-2;

/// The largest peak rate that is no slip for all weights of a model.
const LARGEST_FULL_RATE: f64 = 1e-3;

/// Checks the settings of a run over `examples` examples.
pub(super) fn check(config: &SftConfig, examples: usize) -> Vec<Finding> {
    let finding = |check, outcome| Finding { check, outcome };
    vec![
        finding(Check::LearningRate, learning_rate(config)),
        finding(Check::WarmupEnds, warmup_ends(config, examples)),
        finding(Check::MomentDecay, moment_decay(config)),
        finding(Check::BatchFitsData, batch_fits_data(config, examples)),
        finding(Check::LossNormalisation, loss_normalisation(config)),
    ]
}

fn learning_rate(config: &SftConfig) -> Outcome {
    let lr = config.optimizer.lr;
    let (what, largest) = match config.trainable {
        Trainable::Lora => ("an adapter", LARGEST_LORA_RATE),
        Trainable::All => ("all weights", LARGEST_FULL_RATE),
    };
    if lr <= 0.0 {
        return Outcome::failed("optimizer.lr is 0: nothing will be learnt");
    }
    if lr > largest {
        return Outcome::failed(format!(
            "optimizer.lr is {lr:.1e}; above {largest:.0e} the training of {what} tends to diverge"
        ));
    }
    Outcome::passed(format!("{lr:.1e} for {what}"))
}

fn warmup_ends(config: &SftConfig, examples: usize) -> Outcome {
    if examples == 0 {
        return Outcome::skipped("there are no examples");
    }
    let plan =
        Plan::new(vec![1; examples], config.batch, config.duration, config.order, config.seed);
    let total = plan.total_steps();
    let warmup = config.schedule.warmup_steps(total);
    if warmup >= total && warmup > 0 {
        return Outcome::failed(format!(
            "the warm-up takes {warmup} steps and the run {total}: the learning rate never reaches its peak"
        ));
    }
    Outcome::passed(format!("{warmup} of {total} steps"))
}

fn moment_decay(config: &SftConfig) -> Outcome {
    let (first, second) = config.optimizer.betas;
    if first > second {
        return Outcome::failed(format!(
            "optimizer.betas are ({first}, {second}): the first is above the second, they look swapped"
        ));
    }
    Outcome::passed(format!("betas ({first}, {second})"))
}

fn batch_fits_data(config: &SftConfig, examples: usize) -> Outcome {
    let global = config.batch.examples;
    if global > examples {
        return Outcome::failed(format!(
            "a step takes {global} examples and there are {examples}: every step is a whole epoch of a smaller batch"
        ));
    }
    Outcome::passed(format!("{global} of {examples} examples a step"))
}

fn loss_normalisation(config: &SftConfig) -> Outcome {
    let summed =
        config.objective.terms.iter().find(|term| term.reduction == Reduction::MicroBatchSum);
    let whole = config.batch.micro == MicroBatch::Examples(config.batch.examples);
    match summed {
        Some(term) if !whole => Outcome::failed(format!(
            "the term {} is summed over the micro-batches of a step (micro_batch_sum), not averaged: its gradient \
             grows with their number",
            term.loss.as_str()
        )),
        _ => Outcome::passed("every term is normalised over the global batch"),
    }
}
