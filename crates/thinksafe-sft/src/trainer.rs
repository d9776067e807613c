//! The trainer: one optimizer step at a time.

use std::sync::{Mutex, PoisonError};

use tch::{Kind, Tensor};
use thinksafe_core::hash::ContentHash;
use thinksafe_core::seed::Seed;
use thinksafe_distributed::ProcessGroup;
use thinksafe_runtime::{CausalLm, Gradients, LoraConfig, PassOptions, Recompute};

use crate::Error;
use crate::config::{SftConfig, Trainable};
use crate::evaluate::{named, to_f64};
use crate::example::{Example, data_hash};
use crate::loss::accumulate_gradients;
use crate::optimizer::{AdamW, clip_gradients};
use crate::parallel::Share;
use crate::plan::Plan;
use crate::record::{StepRecord, step_key};
use crate::reduction::Denominators;
use crate::trained::trained_parameters;

/// Guards libtorch's generator, of which a process has one, from the seeding to the last dropout mask.
static GENERATOR: Mutex<()> = Mutex::new(());

/// Trains a model on examples, one optimizer step a call.
///
/// The model is borrowed: what is trained is the adapter (or the weights) of the one copy that also generates.
/// Everything random is a function of the seed and the step, so a trainer restored from a checkpoint goes on exactly
/// as if it had never stopped (bit for bit on CPU).
#[derive(Debug)]
pub struct Trainer<'a> {
    model: &'a mut CausalLm,
    examples: &'a [Example],
    config: SftConfig,
    run: RunIdentity,
    names: Vec<String>,
    parameters: Vec<Tensor>,
    gradients: Gradients,
    optimizer: AdamW,
    recompute: Recompute,
    share: Share<'a>,
    plan: Plan,
    tokens: u64,
}

/// `transformers` would drop attention weights of such a model in training; here nothing does.
fn refuse_attention_dropout(model: &CausalLm) -> Result<(), Error> {
    let dropout = model.config().attention_dropout;
    if dropout == 0.0 {
        return Ok(());
    }
    let reason = format!("{dropout} in the model's config.json is not supported in training; 0 is");
    Err(Error::Config { field: "attention_dropout", reason })
}

/// What a checkpoint must agree with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RunIdentity {
    pub(crate) model: ContentHash,
    pub(crate) data: ContentHash,
    pub(crate) adapter: Option<LoraConfig>,
}

impl<'a> Trainer<'a> {
    /// A trainer at step 0.
    ///
    /// For [`Trainable::Lora`] an adapter that is attached is trained as it is; without one the default adapter is
    /// attached, its initial values from the configuration's seed.
    ///
    /// From here on this process keeps the memory that it frees, see [`CausalLm::prepare_training`].
    ///
    /// # Errors
    /// [`Error::NoExamples`]; [`Error::Example`] for one that cannot be trained on; [`Error::Config`] for settings
    /// out of range, a model whose configuration asks for attention dropout, all weights of a model that is not in f32 or has an adapter, a KL term without an adapter, a pattern
    /// of [`SftConfig::frozen`] that matches nothing or patterns that match everything; [`Error::Runtime`] if there is no room for the weights.
    pub fn new(
        model: &'a mut CausalLm,
        examples: &'a [Example],
        config: SftConfig,
    ) -> Result<Self, Error> {
        config.validate()?;
        refuse_attention_dropout(model)?;
        if examples.is_empty() {
            return Err(Error::NoExamples);
        }
        let vocabulary = model.config().vocab_size as usize;
        for example in examples {
            example.validate(vocabulary)?;
        }
        config.objective.validate(examples)?;
        let named = trained_parameters(model, &config)?;
        model.prepare_training()?;
        let gradients = Gradients::with_extra(&named, config.objective.terms.len());
        let (names, parameters): (Vec<String>, Vec<Tensor>) = named.into_iter().unzip();
        let run = RunIdentity {
            model: model.weights_hash().clone(),
            data: data_hash(examples),
            adapter: model.lora_config().cloned(),
        };
        let optimizer = AdamW::new(config.optimizer, &parameters);
        let seed = config.seed;
        let lengths = examples.iter().map(|example| example.ids.len()).collect();
        let plan = Plan::new(lengths, config.batch, config.duration, config.order, seed);
        let recompute = Recompute::Nothing;
        Ok(Self {
            model,
            examples,
            config,
            run,
            names,
            parameters,
            gradients,
            optimizer,
            recompute,
            share: Share::whole(),
            plan,
            tokens: 0,
        })
    }

    /// Trains as one of a group of processes, which all make the same trainer: each computes its share of every global
    /// batch, and all arrive at the same weights. Micro-batches are dealt out in turn, so a global batch should have at least
    /// as many as there are processes.
    ///
    /// # Errors
    /// [`Error::Group`] if the processes have not been given the same, or one is gone.
    pub fn with_group(mut self, group: &'a ProcessGroup) -> Result<Self, Error> {
        self.share = Share::of(group);
        self.share.agree("run (settings, data or model)", &self.run_hash())?;
        if let Some(adapter) = self.model.adapter_hash() {
            self.share.agree("adapter", &adapter)?;
        }
        Ok(self)
    }

    /// What of a layer is computed again in the backward pass: memory against time, with the same result to the bit. A run
    /// may be resumed with another choice.
    #[must_use]
    pub fn with_recompute(mut self, recompute: Recompute) -> Self {
        self.recompute = recompute;
        self
    }

    /// Whether this process writes logs and checkpoints: it trains alone, or is the first of its group.
    pub fn is_first(&self) -> bool {
        self.share.is_first()
    }

    /// Does one optimizer step: forward and backward passes of the micro-batches, clipping, update.
    ///
    /// A step after the last one of the schedule is made at the schedule's final rate.
    ///
    /// # Errors
    /// [`Error::NonFinite`] if the loss or the gradient is NaN or infinite, [`Error::Group`] if another process is gone:
    /// weights and optimizer are then as before.
    pub fn step(&mut self) -> Result<StepRecord, Error> {
        let step = self.optimizer.steps();
        let micro_batches = self.plan.micro_batches(step);
        let rows: Vec<Vec<&Example>> = micro_batches
            .iter()
            .map(|indices| indices.iter().map(|index| &self.examples[*index]).collect())
            .collect();
        self.gradients.clear();
        let values = self.accumulate(step, &rows)?;
        let values = self.share.sum(&mut self.gradients, values)?;
        let norm = clip_gradients(self.gradients.each(), self.config.max_grad_norm);
        let (terms, grad_norm) = read(&values, &norm)?;
        check_finite(step, &rows, &terms, grad_norm)?;
        let total = self.plan.total_steps();
        let lr = self.config.optimizer.lr * self.config.schedule.factor(step, total);
        self.optimizer.step(&self.parameters, self.gradients.each(), lr);
        Ok(self.record(&rows.concat(), &terms, lr, grad_norm))
    }

    /// Whether all steps of the configured duration are done.
    pub fn is_finished(&self) -> bool {
        self.steps_done() >= self.total_steps()
    }

    /// Optimizer steps done, those before a resume included.
    pub fn steps_done(&self) -> u64 {
        self.optimizer.steps()
    }

    /// Optimizer steps of the configured duration.
    pub fn total_steps(&self) -> u64 {
        self.plan.total_steps()
    }

    /// Tokens that this trainer passed through the model.
    pub fn tokens(&self) -> u64 {
        self.tokens
    }

    /// The settings.
    pub fn config(&self) -> &SftConfig {
        &self.config
    }

    /// The model in training, for an evaluation or a sample between steps.
    pub fn model(&mut self) -> &mut CausalLm {
        self.model
    }

    /// The trained parameters by name, as shallow copies that share their storage.
    pub fn parameters(&self) -> Vec<(String, Tensor)> {
        let tensors = self.parameters.iter().map(Tensor::shallow_clone);
        self.names.iter().cloned().zip(tensors).collect()
    }

    /// The gradients of the last step by the names of their parameters, after clipping, as shallow copies.
    pub fn gradients(&self) -> Vec<(String, Tensor)> {
        let named = self.gradients.named();
        named.map(|(name, gradient)| (name.to_owned(), gradient.shallow_clone())).collect()
    }

    /// One hash over settings, data and model: what a train log's keys are made of.
    pub fn run_hash(&self) -> ContentHash {
        let RunIdentity { model, data, adapter } = &self.run;
        ContentHash::of("thinksafe.sft.run", &(self.config.hash(), data, model, adapter))
    }

    pub(crate) fn share(&self) -> Share<'a> {
        self.share
    }

    pub(crate) fn identity(&self) -> &RunIdentity {
        &self.run
    }

    pub(crate) fn optimizer(&self) -> &AdamW {
        &self.optimizer
    }

    pub(crate) fn optimizer_mut(&mut self) -> &mut AdamW {
        &mut self.optimizer
    }

    /// Runs the micro-batches and returns the value of each term for each, `[terms]` tensors.
    fn accumulate(&mut self, step: u64, rows: &[Vec<&Example>]) -> Result<Vec<Tensor>, Error> {
        let objective = &self.config.objective;
        let global: Vec<&Example> = rows.concat();
        let denominators: Vec<Denominators> =
            objective.terms.iter().map(|term| Denominators::of(term, &global)).collect();
        let mut values = Vec::with_capacity(rows.len());
        // Two trainers in one process would draw from each other's stream.
        let _alone = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
        let share = self.share;
        for (micro_step, rows) in rows.iter().enumerate().filter(|(i, _)| share.has(*i)) {
            let (model, gradients) = (&mut *self.model, &mut self.gradients);
            let dropout = Some(dropout_seed(self.config.seed, step, micro_step as u64));
            let options = PassOptions { recompute: self.recompute, dropout };
            let value =
                accumulate_gradients(model, rows, objective, &denominators, options, gradients)?;
            values.push(value);
        }
        Ok(values)
    }

    fn record(
        &mut self,
        rows: &[&Example],
        terms: &[Vec<f64>],
        lr: f64,
        grad_norm: f64,
    ) -> StepRecord {
        let step = self.steps_done();
        let count = self.config.objective.terms.len();
        let sums: Vec<f64> = (0..count).map(|i| terms.iter().map(|t| t[i]).sum()).collect();
        let tokens = rows.iter().map(|e| e.ids.len() as u64).sum();
        self.tokens += tokens;
        StepRecord {
            key: step_key(&self.run_hash(), step),
            step,
            epoch: step as f64 / self.plan.steps_per_epoch() as f64,
            loss: sums.iter().sum(),
            terms: named(&self.config.objective, &sums),
            lr,
            grad_norm,
            tokens,
            supervised_tokens: rows.iter().map(|e| e.supervised_tokens() as u64).sum(),
        }
    }
}

fn check_finite(
    step: u64,
    rows: &[Vec<&Example>],
    terms: &[Vec<f64>],
    grad_norm: f64,
) -> Result<(), Error> {
    let ids = |rows: &[&Example]| rows.iter().map(|e| e.id.clone()).collect();
    let step = step + 1;
    for (index, values) in terms.iter().enumerate() {
        let value: f64 = values.iter().sum();
        if !value.is_finite() {
            // Of the sum over several processes nobody can say whose it was.
            let examples =
                if terms.len() == rows.len() { ids(&rows[index]) } else { ids(&rows.concat()) };
            return Err(Error::NonFinite { quantity: "loss", step, value, examples });
        }
    }
    if grad_norm.is_finite() {
        return Ok(());
    }
    let examples = ids(&rows.concat());
    Err(Error::NonFinite { quantity: "gradient norm", step, value: grad_norm, examples })
}

impl Drop for Trainer<'_> {
    /// Leaves the model as generation expects it: the hash of the base weights that of their values.
    fn drop(&mut self) {
        if self.config.trainable == Trainable::All {
            self.model.rehash();
        }
    }
}

/// Reads all term values and the gradient norm in one transfer: `[micro-batches][terms]`, and the norm.
fn read(values: &[Tensor], norm: &Tensor) -> Result<(Vec<Vec<f64>>, f64), Error> {
    let terms = values.first().map_or(0, Tensor::numel);
    let mut parts: Vec<Tensor> = values.iter().map(Tensor::shallow_clone).collect();
    parts.push(norm.reshape([1]).to_kind(Kind::Float));
    let mut numbers = to_f64(&Tensor::cat(&parts, 0))?;
    let norm = numbers.pop().unwrap_or(f64::NAN);
    Ok((numbers.chunks(terms.max(1)).map(<[f64]>::to_vec).collect(), norm))
}

/// Keyed by position, so that resume is exact.
fn dropout_seed(seed: Seed, step: u64, micro_step: u64) -> Seed {
    seed.purpose("sft.dropout").purpose(&format!("step {step}, micro-batch {micro_step}"))
}
