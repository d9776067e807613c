//! Group-relative policy optimization (GRPO) on the engine and the trainer: one process, one copy of the weights.
//!
//! ```text
//! RlPrompt ──visits──▶ LocalGenerator ──G responses each──▶ Rewards ──▶ groups ──▶ advantages ┐
//!                          ▲                                                                  ▼
//!                          └── adapter ◀── AdamW ◀── clipped ratio, k3 to the adapter off ◀── rows
//! ```
//!
//! * [`Rewards`] is a weighted sum of [`Reward`]s: [`GuardReward`], [`ThinkingFormat`], [`RefusalReward`], [`AnswerReward`],
//!   [`OverlongReward`], and closures ([`FnReward`]). A reward that fails ends the step with an error, and one that cannot tell
//!   takes the response out of the loss: neither is ever a 0.
//! * [`GrpoConfig`] names the choices as the field does: [`RewardScale`], [`Clip`], [`RatioLevel`] (GSPO), [`Aggregation`]
//!   (GRPO, DAPO, Dr. GRPO), [`DynamicSampling`], prefilled rollouts (RECAP).
//! * [`GrpoTrainer`] does one step a call; [`fit`] is the loop with logs and resumable checkpoints, told as [`Event`]s.
//!   [`GrpoReport`] is a page made from the logs.
//!
//! # Invariants
//!
//! * The log-probabilities of a rollout are those of the engine that drew it, by the adapter in training and without a merge:
//!   there is nothing to be synchronised.
//! * The loss is normalised once, over all responses in the loss of a step, however they are cut into micro-batches.
//! * Prompt and prefill are never learnt: loss, ratio, divergence and lengths begin behind them.
//! * Nothing leaves the loss without being counted ([`ResponseCounts`], [`GroupCounts`]).
//! * A run interrupted at any point and started again ends with the same weights and the same logs, bit for bit on CPU.
//!
//! # Example
//!
//! ```no_run
//! use std::path::Path;
//! use thinksafe_chat::Chat;
//! use thinksafe_core::prompt::PromptLabel;
//! use thinksafe_filter::{Guard, LlamaGuard3, View};
//! use thinksafe_rl::{GrpoConfig, GrpoTrainer, GuardReward, Rewards, RlPrompt, ThinkingFormat, ThinkingOpens, fit};
//! use thinksafe_runtime::{CausalLm, EngineOptions, LocalGenerator, Placement};
//! use thinksafe_sft::Checkpointing;
//!
//! let load = |dir: &Path| -> Result<_, Box<dyn std::error::Error>> {
//!     let model = CausalLm::load(dir, Placement::CPU_F32)?;
//!     Ok(LocalGenerator::new(model, Chat::load(dir)?, EngineOptions::default())?)
//! };
//! let mut policy = load("models/Qwen3-0.6B".as_ref())?;
//! let guard = Guard::new(load("models/Llama-Guard-3-8B".as_ref())?, LlamaGuard3::default());
//! let rewards = Rewards::new()
//!     .with(GuardReward::new(guard, View::Turn), 1.0)
//!     .with(ThinkingFormat::new(ThinkingOpens::ByModel), 1.0);
//! let prompts = [RlPrompt::new("sum", "What is 2 + 2?", PromptLabel::VanillaBenign)];
//!
//! let mut trainer = GrpoTrainer::new(&mut policy, &prompts, rewards, GrpoConfig::default())?;
//! fit(&mut trainer, "run/grpo", Checkpointing::default(), &mut |_| Ok(()))?;
//! drop(trainer);
//! policy.model().save_lora(Path::new("run/adapter"))?; // PEFT
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod advantage;
mod aggregation;
mod checkpoint;
mod clip;
mod config;
mod error;
mod event;
mod fit;
mod group;
mod kl;
mod policy_loss;
mod prompt;
mod ratio;
mod record;
mod report;
mod response;
mod reward;
mod rollout;
mod row;
mod summary;
#[cfg(test)]
mod tests;
mod trainer;
mod update;
mod visit;

pub use advantage::RewardScale;
pub use aggregation::{Aggregation, Totals};
pub use clip::Clip;
pub use config::{DynamicSampling, GrpoConfig, OldPolicy, own_distribution};
pub use error::Error;
pub use event::{Event, OnEvent};
pub use fit::{FitOptions, Outcome, fit};
pub use group::Fate;
pub use kl::k3;
pub use policy_loss::{PolicyLoss, ResponseLoss, ResponseTokens};
pub use prompt::{RlPrompt, first_words};
pub use ratio::RatioLevel;
pub use record::{
    GroupCounts, GrpoStep, ResponseCounts, RewardMean, RolloutOutcome, RolloutRecord, RolloutText,
};
pub use report::GrpoReport;
pub use response::Response;
pub use reward::{
    AnswerReward, FnReward, GuardReward, Mark, OverlongReward, RefusalReward, Reward, RewardError,
    Rewards, Score, ThinkingFormat, ThinkingOpens,
};
pub use trainer::{GrpoTrainer, Stepped};
