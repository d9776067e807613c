//! The settings of a run.

use serde::{Deserialize, Serialize};
use thinksafe_core::hash::ContentHash;
use thinksafe_core::sampling::Sampling;
use thinksafe_core::seed::Seed;
use thinksafe_sft::{AdamWConfig, Decay, Duration, Schedule, Warmup};

use crate::Error;
use crate::advantage::RewardScale;
use crate::aggregation::Aggregation;
use crate::clip::Clip;
use crate::policy_loss::PolicyLoss;
use crate::ratio::RatioLevel;

/// Everything that decides what a run computes, but for the model, the prompts and the rewards.
///
/// The defaults are those of the paper's GRPO baseline (appendix F): groups of 8, beta 0.04, epsilon 0.2, advantages divided
/// by the group's standard deviation. What it does not say is as in TRL: learning rate 1e-6, constant; clipping at 1.0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "plain settings")]
pub struct GrpoConfig {
    /// Responses to a prompt: the group that its rewards are compared in. At least 2.
    pub group_size: u32,
    /// Prompts of a step.
    pub prompts: usize,
    /// How long: steps, or passes over the prompts.
    pub duration: Duration,
    /// How responses are drawn. The ratio is one of distributions, so they must be drawn from the policy's own: temperature 1,
    /// nothing cut off, no penalty. What is left is `max_new_tokens` and `stop`.
    pub sampling: Sampling,
    /// What advantages are divided by.
    pub scale: RewardScale,
    /// The loss of a token.
    pub loss: PolicyLoss,
    /// How token losses become one number.
    pub aggregation: Aggregation,
    /// Which log-probabilities ratios are taken against.
    pub old: OldPolicy,
    /// Updates on the responses of a step (TRL's `num_iterations`).
    pub updates: u32,
    /// Whether prompts whose rewards are all alike are replaced by others; none: they stay, with advantages of 0.
    pub dynamic_sampling: Option<DynamicSampling>,
    /// The share of visits to prompts with a prefill that use it, in [0, 1] (RECAP's alpha).
    pub prefill_share: f64,
    /// Whether responses that were cut off by the limit of tokens leave the loss (DAPO's overlong filtering). Their rewards
    /// still count in the mean of their group.
    pub drop_truncated: bool,
    /// The most tokens that pass through the model at once, prompts included. It decides how much memory a step takes and
    /// nothing else. A longer response passes alone.
    pub micro_batch_tokens: usize,
    /// The optimizer.
    pub optimizer: AdamWConfig,
    /// The course of the learning rate, over all updates.
    pub schedule: Schedule,
    /// The 2-norm that the gradient is scaled down to where it is larger; none: it is only measured.
    pub max_grad_norm: Option<f64>,
    /// The seed of the order of prompts, of the draws, and of the adapter if there is none yet.
    pub seed: Seed,
}

/// Which log-probabilities of the policy that wrote a response its ratios are taken against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "the trainer's or the sampler's")]
pub enum OldPolicy {
    /// Those of the trainer, kept from the pass of the step's first update, which costs nothing: in that update each ratio is
    /// exactly 1, and the gradient is that of the policy. TRL does the same where a generation is used for one iteration.
    Recomputed,
    /// Those that the engine drew by. Where engine and trainer round differently, the ratio of an unchanged policy shows it: by
    /// 1.3e-6 on the miniature in f32, up to 2.6e-5 over longer texts, by tens of percent for single tokens in bf16
    /// (`docs/NUMERICS.md`). This corrects for it by importance: the gradient is that of the policy although the responses came
    /// from a distribution that is off by as much.
    Sampled,
}

/// When and how prompts without a signal are replaced (DAPO; Yu et al., 2025).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "plain settings")]
pub struct DynamicSampling {
    /// The most rounds of drawing in a step, the first included. After the last the step goes on with what there is; with
    /// nothing at all it makes no update.
    pub rounds: u32,
    /// Rewards of a group that differ by no more than this are no signal.
    pub spread: f64,
}

impl Default for GrpoConfig {
    fn default() -> Self {
        Self {
            group_size: 8,
            prompts: 8,
            duration: Duration::Epochs(1),
            sampling: own_distribution(2048),
            scale: RewardScale::Group,
            loss: PolicyLoss { ratio: RatioLevel::Token, clip: Clip::symmetric(0.2), beta: 0.04 },
            aggregation: Aggregation::Grpo,
            old: OldPolicy::Recomputed,
            updates: 1,
            dynamic_sampling: None,
            prefill_share: 0.5,
            drop_truncated: false,
            micro_batch_tokens: 16_384,
            optimizer: AdamWConfig { lr: 1e-6, ..AdamWConfig::default() },
            schedule: Schedule { warmup: Warmup::Steps(0), decay: Decay::Constant },
            max_grad_norm: Some(1.0),
            seed: Seed(42),
        }
    }
}

/// Draws from a model's own distribution: temperature 1, nothing cut off, no penalty.
pub fn own_distribution(max_new_tokens: u32) -> Sampling {
    Sampling { temperature: 1.0, top_p: 1.0, max_new_tokens, ..Sampling::default() }
}

impl GrpoConfig {
    /// The hash of all settings.
    pub fn hash(&self) -> ContentHash {
        ContentHash::of("thinksafe.rl.config", self)
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// [`Error::Config`] with the first that is out of range, [`Error::Core`] or [`Error::Training`] for those of sampling and of
    /// the optimizer.
    pub fn validate(&self) -> Result<(), Error> {
        let at_least = |field, found: u64, least: u64| {
            if found >= least {
                return Ok(());
            }
            wrong(field, format!("expected a number from {least}, found {found}"))
        };
        at_least("group_size", u64::from(self.group_size), 2)?;
        at_least("prompts", self.prompts as u64, 1)?;
        at_least("updates", u64::from(self.updates), 1)?;
        at_least("micro_batch_tokens", self.micro_batch_tokens as u64, 1)?;
        match self.duration {
            Duration::Epochs(epochs) => at_least("duration", u64::from(epochs), 1)?,
            Duration::Steps(steps) => at_least("duration", steps, 1)?,
        }
        if let Some(DynamicSampling { rounds, spread }) = self.dynamic_sampling {
            at_least("dynamic_sampling.rounds", u64::from(rounds), 1)?;
            from_0("dynamic_sampling.spread", spread)?;
        }
        from_0("loss.beta", self.loss.beta)?;
        self.loss.clip.validate()?;
        if !(0.0..=1.0).contains(&self.prefill_share) {
            return wrong(
                "prefill_share",
                format!("expected a share, found {}", self.prefill_share),
            );
        }
        if self.max_grad_norm.is_some_and(|norm| !norm.is_finite() || norm <= 0.0) {
            return wrong("max_grad_norm", "expected a number above 0".to_owned());
        }
        self.validate_sampling()?;
        self.schedule.validate()?;
        Ok(self.optimizer.validate()?)
    }

    fn validate_sampling(&self) -> Result<(), Error> {
        let Sampling { max_new_tokens, stop, .. } = &self.sampling;
        let own = Sampling { stop: stop.clone(), ..own_distribution(*max_new_tokens) };
        if self.sampling != own {
            let reason = "expected draws from the policy's own distribution: temperature 1, top-p 1, no top-k, no min-p and no penalty";
            return wrong("sampling", reason.to_owned());
        }
        Ok(self.sampling.validate()?)
    }
}

fn from_0(field: &'static str, value: f64) -> Result<(), Error> {
    if value.is_finite() && value >= 0.0 {
        return Ok(());
    }
    wrong(field, format!("expected a number from 0, found {value}"))
}

fn wrong<T>(field: &'static str, reason: String) -> Result<T, Error> {
    Err(Error::Config { field, reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_setting_out_of_range_is_named() {
        let good = GrpoConfig::default();
        good.validate().unwrap();
        let bad = [
            ("group_size", GrpoConfig { group_size: 1, ..good.clone() }),
            ("prompts", GrpoConfig { prompts: 0, ..good.clone() }),
            ("updates", GrpoConfig { updates: 0, ..good.clone() }),
            ("duration", GrpoConfig { duration: Duration::Steps(0), ..good.clone() }),
            ("prefill_share", GrpoConfig { prefill_share: 1.5, ..good.clone() }),
            ("max_grad_norm", GrpoConfig { max_grad_norm: Some(0.0), ..good.clone() }),
            ("sampling", GrpoConfig { sampling: Sampling::default(), ..good.clone() }),
            (
                "dynamic_sampling.rounds",
                GrpoConfig {
                    dynamic_sampling: Some(DynamicSampling { rounds: 0, spread: 0.0 }),
                    ..good.clone()
                },
            ),
            (
                "clip",
                GrpoConfig {
                    loss: PolicyLoss { clip: Clip::symmetric(-1.0), ..good.loss },
                    ..good.clone()
                },
            ),
            ("loss.beta", GrpoConfig { loss: PolicyLoss { beta: f64::NAN, ..good.loss }, ..good }),
        ];
        for (field, config) in bad {
            let error = config.validate().unwrap_err().to_string();
            assert!(error.contains(&format!("`{field}`")), "{error}");
        }
    }
}
