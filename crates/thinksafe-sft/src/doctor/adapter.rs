//! Checks that the adapter is trained, all of it, and begins where the seed says.

use thinksafe_core::seed::Seed;

use super::batching::at_once;
use super::subject::{Named, Subject, norm};
use super::{Exam, Outcome};
use crate::Error;
use crate::config::{SftConfig, Trainable};
use crate::objective::Objective;
use crate::plan::Duration;
use crate::schedule::{Decay, Schedule, Warmup};

/// A rate that moves B far enough for A to get a gradient.
const RATE: f64 = 1e-3;

/// Two steps: B must get gradients in the first, and A, which B hides at first, in the second.
pub(super) fn learns(subject: &mut dyn Subject, exam: &Exam<'_>) -> Result<Outcome, Error> {
    if exam.config.trainable == Trainable::All {
        return Ok(Outcome::skipped("all weights are trained, there is no adapter"));
    }
    let mut config = SftConfig {
        objective: Objective::cross_entropy(),
        batch: at_once(exam.examples),
        duration: Duration::Steps(2),
        schedule: Schedule { warmup: Warmup::Steps(0), decay: Decay::Constant },
        ..exam.config.clone()
    };
    config.optimizer.lr = RATE;
    let run = subject.train(exam.examples, &config, None)?;
    for ((step, factor), gradients) in [(1, "lora_B"), (2, "lora_A")].iter().zip(&run.gradients) {
        if let Some(problem) = untrained(gradients, factor) {
            return Ok(Outcome::failed(format!("in step {step} {problem}")));
        }
    }
    Ok(Outcome::passed(format!("{} matrices get gradients", run.parameters.len())))
}

/// What is wrong with the gradients of one factor, if anything is.
fn untrained(gradients: &Named, factor: &str) -> Option<String> {
    let all = gradients.iter().filter(|(name, _)| name.contains(factor));
    let mut none = all.clone().filter(|(_, gradient)| norm(gradient) <= 0.0).map(|(name, _)| name);
    let count = all.count();
    let first = none.next()?;
    let others = none.count();
    Some(format!(
        "{} of {count} {factor} matrices get no gradient and stay as they are, `{first}` first",
        others + 1
    ))
}

/// One seed twice, and another one.
pub(super) fn follows_seed(subject: &mut dyn Subject, exam: &Exam<'_>) -> Result<Outcome, Error> {
    let config = exam.config;
    if config.trainable == Trainable::All {
        return Ok(Outcome::skipped("all weights are trained, there is no adapter"));
    }
    let Seed(seed) = config.seed;
    let first = subject.fresh_adapter(config.seed)?;
    let second = subject.fresh_adapter(config.seed)?;
    let other = subject.fresh_adapter(Seed(seed.wrapping_add(1)))?;
    let equal = |a: &Named, b: &Named| a.iter().zip(b).all(|((_, a), (_, b))| a.equal(b));
    Ok(if !equal(&first, &second) {
        Outcome::failed(format!(
            "two adapters made with seed {seed} differ: a run cannot be repeated"
        ))
    } else if equal(&first, &other) {
        Outcome::failed(format!(
            "adapters made with seeds {seed} and {} are equal",
            seed.wrapping_add(1)
        ))
    } else {
        Outcome::passed(format!("seed {seed} gives the same values twice"))
    })
}
