//! The trainer: one step of drawing, scoring and updating at a time.

use std::collections::HashSet;

use tch::Tensor;
use thinksafe_core::hash::ContentHash;
use thinksafe_core::trace::ThinkTags;
use thinksafe_runtime::{Gradients, LocalGenerator, LoraConfig, LoraSwitch, Recompute};
use thinksafe_sft::{AdamW, Duration, clip_gradients, resumable};

use crate::Error;
use crate::aggregation::Totals;
use crate::config::GrpoConfig;
use crate::group::{Group, Standing};
use crate::prompt::RlPrompt;
use crate::record::{GrpoStep, RolloutRecord, step_key};
use crate::reward::Rewards;
use crate::rollout;
use crate::row::{Row, rows};
use crate::summary::{Summary, rollout_records};
use crate::update::{Measured, StepLoss, reference_log_probabilities};
use crate::visit::Course;

/// Trains the adapter of an engine's model on prompts by group-relative policy optimization.
///
/// One copy of the weights generates, is trained, and, with the adapter off, is the reference. After an update the engine
/// takes the adapter's matrices anew and nothing else. Everything random is a function of the seed, so a trainer restored from
/// a checkpoint goes on exactly as if it had never stopped (bit for bit on CPU), as long as the rewards do.
#[derive(Debug)]
pub struct GrpoTrainer<'a> {
    pub(crate) generator: &'a mut LocalGenerator,
    pub(crate) prompts: &'a [RlPrompt],
    pub(crate) rewards: Rewards<'a>,
    pub(crate) config: GrpoConfig,
    pub(crate) identity: RunIdentity,
    pub(crate) optimizer: AdamW,
    pub(crate) position: Position,
    tags: ThinkTags,
    names: Vec<String>,
    parameters: Vec<Tensor>,
    gradients: Gradients,
    recompute: Recompute,
}

/// What a checkpoint must agree with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RunIdentity {
    pub(crate) model: ContentHash,
    pub(crate) template: ContentHash,
    pub(crate) prompts: ContentHash,
    pub(crate) rewards: ContentHash,
    pub(crate) adapter: Option<LoraConfig>,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Position {
    /// Steps done.
    pub(crate) steps: u64,
    /// Visits to prompts made.
    pub(crate) visits: u64,
    /// Responses drawn.
    pub(crate) rollouts: u64,
}

/// What a step gave.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Stepped {
    /// The step in numbers.
    pub record: GrpoStep,
    /// Its responses.
    pub rollouts: Vec<RolloutRecord>,
}

impl<'a> GrpoTrainer<'a> {
    /// A trainer at step 0.
    ///
    /// An adapter that is attached is trained as it is; without one the default adapter is attached, its initial values from
    /// the configuration's seed. LoRA's dropout is not drawn. From here on this process keeps the memory that it frees, see
    /// [`CausalLm::prepare_training`](thinksafe_runtime::CausalLm::prepare_training).
    ///
    /// # Errors
    /// [`Error::NoPrompts`]; [`Error::PromptId`] if two prompts have the same id; [`Error::Config`] for settings out of range and
    /// for rewards that are none; [`Error::Runtime`] if no adapter can be attached or there is no room for the weights.
    pub fn new(
        generator: &'a mut LocalGenerator,
        prompts: &'a [RlPrompt],
        rewards: Rewards<'a>,
        config: GrpoConfig,
    ) -> Result<Self, Error> {
        config.validate()?;
        rewards.validate()?;
        check_prompts(prompts)?;
        let model = generator.adapted_model_mut();
        if model.lora_parameters().is_empty() {
            model.attach_lora(LoraConfig::default(), config.seed.purpose("rl.lora"))?;
        }
        model.set_lora(LoraSwitch::On);
        model.prepare_training()?;
        let named = model.lora_parameters();
        let hashes: Vec<ContentHash> = prompts.iter().map(RlPrompt::hash).collect();
        let identity = RunIdentity {
            model: model.weights_hash().clone(),
            adapter: model.lora_config().cloned(),
            template: generator.chat().hash(),
            prompts: ContentHash::of("thinksafe.rl.prompts", &hashes),
            rewards: rewards.identity(),
        };
        let gradients = Gradients::new(&named);
        let (names, parameters): (Vec<String>, Vec<Tensor>) = named.into_iter().unzip();
        Ok(Self {
            optimizer: AdamW::new(config.optimizer, &parameters),
            tags: generator.chat().think_tags().clone(),
            position: Position::default(),
            recompute: Recompute::Nothing,
            generator,
            prompts,
            rewards,
            config,
            identity,
            names,
            parameters,
            gradients,
        })
    }

    /// What of a layer is computed again in the backward pass: memory against time, with the same result to the bit.
    #[must_use]
    pub fn with_recompute(self, recompute: Recompute) -> Self {
        Self { recompute, ..self }
    }

    /// Does one step: draws groups of responses, scores them, and updates the adapter.
    ///
    /// A response that the engine could not serve or that a reward could not tell of leaves the loss and its group; so does a
    /// group with fewer than two known rewards. All are counted. A step in which no response is left makes no update.
    ///
    /// # Errors
    /// [`Error::Reward`] and its like if a reward fails; [`Error::Training`] if a loss or gradient is not finite. The weights are
    /// then as before the update.
    pub fn step(&mut self) -> Result<Stepped, Error> {
        let mut groups = self.collect()?;
        self.compare(&mut groups);
        let mut rows = rows(&groups, self.prompts, self.generator.chat(), self.config.old)?;
        let updated = if rows.is_empty() { Updated::default() } else { self.update(&mut rows)? };
        self.position.steps += 1;
        self.position.rollouts +=
            groups.iter().map(|group| group.members.len() as u64).sum::<u64>();
        let record = self.record(&groups, &updated);
        let course = Course { prompts: self.prompts, config: &self.config };
        let rollouts = rollout_records(groups, course, &self.run_hash(), record.step);
        Ok(Stepped { record, rollouts })
    }

    /// Whether all steps of the configured duration are done.
    pub fn is_finished(&self) -> bool {
        self.steps_done() >= self.total_steps()
    }

    /// Steps done, those before a resume included.
    pub fn steps_done(&self) -> u64 {
        self.position.steps
    }

    /// Steps of the configured duration.
    pub fn total_steps(&self) -> u64 {
        match self.config.duration {
            Duration::Steps(steps) => steps,
            Duration::Epochs(epochs) => {
                u64::from(epochs) * self.prompts.len().div_ceil(self.config.prompts) as u64
            }
        }
    }

    /// The settings.
    pub fn config(&self) -> &GrpoConfig {
        &self.config
    }

    /// The engine, for an evaluation or a sample between steps.
    pub fn generator(&mut self) -> &mut LocalGenerator {
        self.generator
    }

    /// The trained parameters by name, as shallow copies that share their storage.
    pub fn parameters(&self) -> Vec<(String, Tensor)> {
        let tensors = self.parameters.iter().map(Tensor::shallow_clone);
        self.names.iter().cloned().zip(tensors).collect()
    }

    /// One hash over settings, prompts, rewards and model: what the logs' keys are made of.
    pub fn run_hash(&self) -> ContentHash {
        let RunIdentity { model, template, prompts, rewards, adapter } = &self.identity;
        let parts = (self.config.hash(), model, template, prompts, rewards, adapter);
        ContentHash::of("thinksafe.rl.run", &parts)
    }

    /// Draws and scores groups until there are as many as a step has, or the rounds are over.
    fn collect(&mut self) -> Result<Vec<Group>, Error> {
        let dynamic = self.config.dynamic_sampling;
        let (rounds, spread) = dynamic.map_or((1, 0.0), |dynamic| (dynamic.rounds, dynamic.spread));
        let mut groups: Vec<Group> = Vec::new();
        for _ in 0..rounds {
            let telling = groups.iter().filter(|group| group.standing == Standing::Telling).count();
            let missing = self.config.prompts.saturating_sub(telling);
            if missing == 0 {
                break;
            }
            let course = Course { prompts: self.prompts, config: &self.config };
            let visits = course.visits(self.position.visits, missing);
            let mut drawn = rollout::draw(self.generator, course, &visits)?;
            rollout::score(&mut drawn, course, &mut self.rewards, &self.tags)?;
            for group in &mut drawn {
                group.settle(spread);
            }
            self.position.visits += missing as u64;
            groups.extend(drawn);
        }
        Ok(groups)
    }

    /// Gives the groups that are in the loss their advantages.
    fn compare(&self, groups: &mut [Group]) {
        let keeps_equal = self.config.dynamic_sampling.is_none();
        let counts = |group: &Group| match group.standing {
            Standing::Telling => true,
            Standing::Equal => keeps_equal,
            Standing::TooFew => false,
        };
        let compared: Vec<Vec<f64>> =
            groups.iter().filter(|group| counts(group)).map(Group::rewards).collect();
        let mut advantages = self.config.scale.advantages(&compared).into_iter();
        for group in groups {
            let advantages = if counts(group) { advantages.next() } else { None };
            group.finish(advantages, self.config.drop_truncated);
        }
    }

    /// Makes the updates of a step.
    fn update(&mut self, rows: &mut [Row]) -> Result<Updated, Error> {
        let lengths: Vec<usize> = rows.iter().map(|row| row.ids.len()).collect();
        let all: Vec<usize> = (0..rows.len()).collect();
        let micro_batches = resumable::pack(&all, &lengths, self.config.micro_batch_tokens);
        if self.config.loss.beta > 0.0 {
            self.refer(rows, &micro_batches)?;
        }
        let totals = Totals {
            responses: rows.len(),
            tokens: rows.iter().map(Row::learnt).sum(),
            longest: self.config.sampling.max_new_tokens as usize,
        };
        let (loss, aggregation) = (self.config.loss, self.config.aggregation);
        let step_loss = StepLoss { loss, aggregation, totals };
        let mut updated = Updated::default();
        for _ in 0..self.config.updates {
            let (measured, norm) = self.accumulate(step_loss, rows, &micro_batches)?;
            let total = self.total_steps() * u64::from(self.config.updates);
            let factor = self.config.schedule.factor(self.optimizer.steps(), total);
            let lr = self.config.optimizer.lr * factor;
            self.optimizer.step(&self.parameters, self.gradients.each(), lr);
            let tokens = lengths.iter().sum::<usize>() as u64;
            updated.add(measured, norm, lr, tokens);
        }
        Ok(updated)
    }

    /// Computes the log-probabilities under the reference, which stay the same over the updates.
    fn refer(&mut self, rows: &mut [Row], micro_batches: &[Vec<usize>]) -> Result<(), Error> {
        let model = self.generator.adapted_model_mut();
        for indices in micro_batches {
            let some: Vec<&Row> = indices.iter().map(|index| &rows[*index]).collect();
            let reference = reference_log_probabilities(model, &some)?;
            for (index, reference) in indices.iter().zip(reference) {
                rows[*index].reference = Some(reference);
            }
        }
        Ok(())
    }

    /// The gradient of a step's loss, clipped: what was measured, and its norm before clipping. Rows without an older policy
    /// keep what this pass finds as theirs.
    fn accumulate(
        &mut self,
        loss: StepLoss,
        rows: &mut [Row],
        micro_batches: &[Vec<usize>],
    ) -> Result<(Measured, f64), Error> {
        let step = self.position.steps + 1;
        self.gradients.clear();
        let model = self.generator.adapted_model_mut();
        let mut measured = Measured::default();
        for indices in micro_batches {
            let some: Vec<&Row> = indices.iter().map(|index| &rows[*index]).collect();
            let (found, policy) =
                loss.accumulate(model, &some, self.recompute, &mut self.gradients)?;
            check_finite(step, ("loss", found.loss), &some)?;
            measured.join(found);
            keep_old(rows, indices, policy);
        }
        let norm = clip_gradients(self.gradients.each(), self.config.max_grad_norm);
        let norm = norm.double_value(&[]);
        check_finite(step, ("gradient norm", norm), &rows.iter().collect::<Vec<_>>())?;
        Ok((measured, norm))
    }

    fn record(&self, groups: &[Group], updated: &Updated) -> GrpoStep {
        let Updated { first, all, .. } = updated;
        let summary = Summary::of(groups, self.rewards.names());
        let step = self.steps_done();
        GrpoStep {
            key: step_key(&self.run_hash(), step),
            step,
            epoch: self.position.visits as f64 / self.prompts.len() as f64,
            loss: first.loss,
            kl: first.per_token(first.kl),
            lr: updated.lr,
            grad_norm: updated.grad_norm,
            updates: updated.updates,
            reward: summary.reward,
            reward_std: summary.reward_std,
            rewards: summary.rewards,
            groups: summary.groups,
            responses: summary.responses,
            mean_tokens: summary.mean_tokens,
            entropy: first.per_token(first.entropy),
            ratio: all.per_token(all.ratio),
            ratio_distance: all.ratio_distance,
            clipped_low: all.per_token(all.clipped_low as f64),
            clipped_high: all.per_token(all.clipped_high as f64),
            mismatch: first.per_token(first.mismatch),
            tokens: updated.tokens,
        }
    }
}

/// What the updates of a step did.
#[derive(Debug, Default)]
struct Updated {
    first: Measured,
    all: Measured,
    grad_norm: f64,
    lr: f64,
    updates: u32,
    tokens: u64,
}

impl Updated {
    fn add(&mut self, measured: Measured, grad_norm: f64, lr: f64, tokens: u64) {
        if self.updates == 0 {
            self.first = measured;
        }
        self.all.join(measured);
        (self.grad_norm, self.lr) = (grad_norm, lr);
        self.updates += 1;
        self.tokens += tokens;
    }
}

fn keep_old(rows: &mut [Row], indices: &[usize], policy: Vec<f64>) {
    let mut policy = policy.into_iter();
    for index in indices {
        let row = &mut rows[*index];
        let own = policy.by_ref().take(row.learnt()).collect();
        row.old.get_or_insert(own);
    }
}

fn check_finite(
    step: u64,
    (quantity, value): (&'static str, f64),
    rows: &[&Row],
) -> Result<(), Error> {
    if value.is_finite() {
        return Ok(());
    }
    let mut examples: Vec<String> = rows.iter().map(|row| row.prompt_id.clone()).collect();
    examples.dedup();
    Err(thinksafe_sft::Error::NonFinite { quantity, step, value, examples }.into())
}

fn check_prompts(prompts: &[RlPrompt]) -> Result<(), Error> {
    if prompts.is_empty() {
        return Err(Error::NoPrompts);
    }
    let mut ids = HashSet::new();
    match prompts.iter().find(|prompt| !ids.insert(prompt.id.as_str())) {
        None => Ok(()),
        Some(twice) => Err(Error::PromptId { prompt: twice.id.clone() }),
    }
}
