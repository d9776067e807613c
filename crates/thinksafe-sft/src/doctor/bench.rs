//! The examination of [`Trainer`] itself.

use std::path::{Path, PathBuf};

use tch::{Kind, Tensor};
use thinksafe_core::seed::Seed;
use thinksafe_runtime::{CausalLm, LoraConfig, Mode, PaddedBatch, Precision, Recompute};

use super::batching::at_once;
use super::loan::{Loan, copies};
use super::subject::{Named, Pass, Run, Subject};
use crate::config::SftConfig;
use crate::example::Example;
use crate::objective::Objective;
use crate::plan::{BatchSize, Duration, Order};
use crate::retention::remove_if_present;
use crate::schedule::{Decay, Schedule, Warmup};
use crate::trained::trained_parameters;
use crate::trainer::Trainer;
use crate::{AdamWConfig, Error};

/// Where checkpoints are written, below the caller's folder.
const CHECKPOINTS: &str = ".doctor";

/// How far B is moved from zero, so that gradients reach A too.
const STIR: f64 = 0.1;

/// The trainer on a borrowed model.
#[derive(Debug)]
pub(super) struct Bench<'m> {
    loan: Loan<'m>,
    config: SftConfig,
    scratch: PathBuf,
}

impl<'m> Bench<'m> {
    pub(super) fn new(model: &'m mut CausalLm, config: &SftConfig, scratch: &Path) -> Self {
        let loan = Loan::new(model, config.trainable);
        Self { loan, config: config.clone(), scratch: scratch.to_owned() }
    }

    /// The weights that passes are made at: an adapter without dropout whose both factors matter.
    fn settle(&mut self) -> Result<(), Error> {
        let lora = LoraConfig { dropout: 0.0, ..self.loan.lora() };
        self.loan.reset(lora, self.config.seed)?;
        tch::no_grad(|| {
            for (name, mut tensor) in self.loan.model.lora_parameters() {
                if name.contains("lora_B") {
                    let waves =
                        Tensor::arange(tensor.numel() as i64, (Kind::Float, tensor.device()));
                    tensor.copy_(&(waves.sin() * STIR).view_as(&tensor));
                }
            }
        });
        Ok(())
    }

    fn pass_with(
        &mut self,
        examples: &[Example],
        batch: BatchSize,
        objective: &Objective,
        recompute: Recompute,
    ) -> Result<Pass, Error> {
        self.settle()?;
        let config = SftConfig {
            objective: objective.clone(),
            batch,
            duration: Duration::Steps(1),
            order: Order::AsGiven,
            schedule: Schedule { warmup: Warmup::Steps(0), decay: Decay::Constant },
            optimizer: AdamWConfig { lr: 0.0, ..self.config.optimizer },
            max_grad_norm: None,
            ..self.config.clone()
        };
        let trainer = Trainer::new(self.loan.model, examples, config)?;
        let mut trainer = trainer.with_recompute(recompute);
        let loss = trainer.step()?.loss;
        Ok(Pass { loss, gradients: copies(trainer.gradients()) })
    }
}

impl Subject for Bench<'_> {
    fn pass(
        &mut self,
        examples: &[Example],
        batch: BatchSize,
        objective: &Objective,
    ) -> Result<Pass, Error> {
        self.pass_with(examples, batch, objective, Recompute::Nothing)
    }

    fn pass_with_recomputation(&mut self, examples: &[Example]) -> Result<Pass, Error> {
        let objective = Objective::cross_entropy();
        self.pass_with(examples, at_once(examples), &objective, Recompute::Layers)
    }

    fn formula(&mut self, examples: &[Example]) -> Result<Pass, Error> {
        self.settle()?;
        let trained = trained_parameters(self.loan.model, &self.config)?;
        for (_, tensor) in &trained {
            let _ = tensor.set_requires_grad(true);
        }
        let loss = backward_plainly(self.loan.model, examples);
        let gradients = trained.iter().map(|(name, t)| (name.clone(), gradient(t))).collect();
        for (_, mut tensor) in trained {
            tensor.zero_grad();
            let _ = tensor.set_requires_grad(false);
        }
        Ok(Pass { loss: loss?, gradients })
    }

    fn fresh_adapter(&mut self, seed: Seed) -> Result<Named, Error> {
        self.loan.reset(self.loan.lora(), seed)?;
        Ok(copies(self.loan.model.lora_parameters()))
    }

    fn train(
        &mut self,
        examples: &[Example],
        config: &SftConfig,
        interrupted_after: Option<u64>,
    ) -> Result<Run, Error> {
        self.loan.reset(self.loan.lora(), config.seed)?;
        let mut run = Run::default();
        let mut trainer = Trainer::new(self.loan.model, examples, config.clone())?;
        let Some(stop) = interrupted_after else {
            train_to(&mut trainer, u64::MAX, &mut run)?;
            return Ok(run);
        };
        train_to(&mut trainer, stop, &mut run)?;
        let dir = self.scratch.join(CHECKPOINTS);
        let checkpoint = trainer.save_checkpoint(&dir, 1)?;
        drop(trainer);
        self.loan.reset(self.loan.lora(), config.seed.purpose("another adapter"))?;
        let mut trainer = Trainer::new(self.loan.model, examples, config.clone())?;
        trainer.resume(&checkpoint)?;
        train_to(&mut trainer, u64::MAX, &mut run)?;
        remove_if_present(&dir)?;
        Ok(run)
    }

    fn noise(&self) -> f64 {
        match self.loan.model.placement().precision {
            Precision::F32 => 1e-4,
            _ => 5e-2,
        }
    }

    fn repeats_bits(&self) -> bool {
        self.loan.model.device().is_cpu()
    }
}

#[cfg(test)]
impl Bench<'_> {
    /// Training whose checkpoint holds the weights alone: what follows begins with an empty optimizer at step 0.
    pub(super) fn train_on_from_weights_alone(
        &mut self,
        examples: &[Example],
        config: &SftConfig,
        interrupted_after: Option<u64>,
    ) -> Result<Run, Error> {
        self.loan.reset(self.loan.lora(), config.seed)?;
        let mut run = Run::default();
        for steps in [interrupted_after, interrupted_after.map(|done| 5 - done)] {
            let mut trainer = Trainer::new(self.loan.model, examples, config.clone())?;
            train_to(&mut trainer, steps.unwrap_or_default(), &mut run)?;
        }
        Ok(run)
    }
}

/// Trains to a step, or to the end.
fn train_to(trainer: &mut Trainer<'_>, step: u64, run: &mut Run) -> Result<(), Error> {
    while !trainer.is_finished() && trainer.steps_done() < step {
        run.losses.push(trainer.step()?.loss);
        run.gradients.push(copies(trainer.gradients()));
    }
    run.parameters = copies(trainer.parameters());
    Ok(())
}

/// The gradient that autograd left with a tensor; zeros where it left none.
fn gradient(tensor: &Tensor) -> Tensor {
    match tensor.grad() {
        gradient if gradient.defined() => gradient.copy(),
        _ => tensor.detach().zeros_like(),
    }
}

/// Cross-entropy, mean over the weighted tokens, one example at a time through autograd.
fn backward_plainly(model: &CausalLm, examples: &[Example]) -> Result<f64, Error> {
    let total: f32 = examples.iter().flat_map(|e| &e.weights[1..]).sum();
    let mut value = 0.0;
    for example in examples {
        let loss = weighted_cross_entropy(model, example)? / f64::from(total);
        loss.f_backward().map_err(Error::backend("run the backward pass"))?;
        value += f64::try_from(loss.to_kind(Kind::Double))
            .map_err(Error::backend("read a loss from the device"))?;
    }
    Ok(value)
}

/// The sum over an example's tokens of weight times -log p, through one pass with all logits, `[T, V]`, at once.
fn weighted_cross_entropy(model: &CausalLm, example: &Example) -> Result<Tensor, Error> {
    let batch = PaddedBatch::new(std::slice::from_ref(&example.ids), 0, model.device())?;
    let hidden = model.hidden_states(&batch, Mode::Train).squeeze_dim(0); // [T, E]
    let count = example.ids.len() as i64 - 1;
    let log_probs = model.project(&hidden.narrow(0, 0, count)).log_softmax(-1, Kind::Float);
    let targets: Vec<i64> = example.ids[1..].iter().map(|id| i64::from(*id)).collect();
    let targets = Tensor::from_slice(&targets).to_device(hidden.device()).unsqueeze(-1);
    let weights = Tensor::from_slice(&example.weights[1..]).to_device(hidden.device());
    Ok(-(log_probs.gather(-1, &targets, false).squeeze_dim(-1) * weights).sum(Kind::Float))
}
