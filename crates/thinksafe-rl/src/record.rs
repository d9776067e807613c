//! What a run logs: a record a step, and one a response.

use serde::{Deserialize, Serialize};
use thinksafe_core::generate::{Finish, RequestError};
use thinksafe_core::hash::ContentHash;
use thinksafe_core::log::Record;
use thinksafe_core::prompt::PromptLabel;
use thinksafe_core::seed::SampleSeed;
use thinksafe_sft::resumable::AtStep;

use crate::group::Fate;
use crate::reward::Score;

/// What happened in one step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrpoStep {
    /// The hash of the run (settings, prompts, rewards, model) and the step.
    pub key: ContentHash,
    /// The step, from 1.
    pub step: u64,
    /// Visits to prompts so far, over the number of prompts.
    pub epoch: f64,
    /// The loss before the step's first update, divergence included.
    pub loss: f64,
    /// The mean of the divergence estimate over tokens, without its factor; 0 if the loss has none.
    pub kl: f64,
    /// The learning rate of the last update.
    pub lr: f64,
    /// The 2-norm of the last update's gradient, before clipping.
    pub grad_norm: f64,
    /// Updates made: 0 if no response was in the loss.
    pub updates: u32,
    /// The mean reward of the responses whose reward is known, of groups that were dropped too.
    pub reward: f64,
    /// The standard deviation of those rewards.
    pub reward_std: f64,
    /// Each reward by itself, not weighted.
    pub rewards: Vec<RewardMean>,
    /// Groups by what became of them.
    pub groups: GroupCounts,
    /// Responses by what became of them.
    pub responses: ResponseCounts,
    /// The mean number of generated tokens.
    pub mean_tokens: f64,
    /// The mean entropy of the policy over the tokens in the loss, in nats.
    pub entropy: f64,
    /// The mean ratio over updates and tokens.
    pub ratio: f64,
    /// The largest distance of a ratio from 1.
    pub ratio_distance: f64,
    /// The share of tokens whose ratio was cut below 1.
    pub clipped_low: f64,
    /// The share of tokens whose ratio was cut above 1.
    pub clipped_high: f64,
    /// The mean distance of the trainer's log-probabilities from the engine's, before the first update.
    pub mismatch: f64,
    /// Tokens that passed through the model in updates, prompts included.
    pub tokens: u64,
}

/// What one reward gave in a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RewardMean {
    /// Its name.
    pub name: String,
    /// The mean of its values; none if it gave none.
    pub mean: Option<f64>,
    /// How many responses it could not tell of.
    pub undetermined: u64,
}

/// Groups of a step. `drawn` is the sum of the others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "plain numbers")]
pub struct GroupCounts {
    /// All.
    pub drawn: u64,
    /// Those whose rewards differ.
    pub telling: u64,
    /// Those whose rewards are all alike: dropped by dynamic sampling, and else in the loss with advantages of 0.
    pub equal: u64,
    /// Those with fewer than two known rewards: dropped.
    pub too_few: u64,
}

/// Responses of a step. `drawn` is the sum of the others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "plain numbers")]
pub struct ResponseCounts {
    /// All.
    pub drawn: u64,
    /// Those in the loss.
    pub trained: u64,
    /// Those that the engine could not serve.
    pub failed: u64,
    /// Those that a reward could not tell of.
    pub undetermined: u64,
    /// Those that were dropped as they were cut off.
    pub truncated: u64,
    /// Those that dynamic sampling dropped with their group.
    pub equal: u64,
    /// Those that had nobody to be compared with.
    pub alone: u64,
}

/// One response, with its rewards and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RolloutRecord {
    /// The hash of the run, the visit and the sample.
    pub key: ContentHash,
    /// The step that drew it, from 1.
    pub step: u64,
    /// The visit: its number within the run.
    pub visit: u64,
    /// The prompt.
    pub prompt_id: String,
    /// The prompt's label.
    pub label: PromptLabel,
    /// Whether the turn began with the prompt's prefill.
    pub prefilled: bool,
    /// Its place in the group.
    pub sample: u32,
    /// What its draws were keyed by.
    pub seed: SampleSeed,
    /// What was written, or why nothing was.
    pub outcome: RolloutOutcome,
    /// Each reward's score, in the order of the sum; empty if nothing was written.
    pub scores: Vec<Score>,
    /// The weighted sum; none if it is not known.
    pub reward: Option<f64>,
    /// The advantage; none if its group has none.
    pub advantage: Option<f64>,
    /// What became of it.
    pub fate: Fate,
}

/// What came of a request for a response.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "a request is served or it is not")]
pub enum RolloutOutcome {
    /// A text.
    Written(RolloutText),
    /// Nothing, and why.
    Failed(RequestError),
}

/// What a response says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RolloutText {
    /// The part of the turn that was in the prompt, prefill included.
    pub opening: String,
    /// What was generated.
    pub text: String,
    /// Why it ended.
    pub finish: Finish,
    /// How many tokens the model read before them, prefill included.
    pub prompt_tokens: u32,
    /// How many tokens were generated.
    pub tokens: u32,
    /// The log-probability of all of them together, as they were drawn.
    pub log_probability: f64,
}

impl Record for GrpoStep {
    const FORMAT: &'static str = "thinksafe.rl.steps";
    const VERSION: u32 = 1;

    fn key(&self) -> &ContentHash {
        &self.key
    }
}

impl AtStep for GrpoStep {
    fn step(&self) -> u64 {
        self.step
    }
}

impl Record for RolloutRecord {
    const FORMAT: &'static str = "thinksafe.rl.rollouts";
    const VERSION: u32 = 2;

    fn key(&self) -> &ContentHash {
        &self.key
    }
}

/// The key of a step's record.
pub(crate) fn step_key(run: &ContentHash, step: u64) -> ContentHash {
    ContentHash::of("thinksafe.rl.step", &(run, step))
}

/// The key of a response's record.
pub(crate) fn rollout_key(run: &ContentHash, visit: u64, sample: u32) -> ContentHash {
    ContentHash::of("thinksafe.rl.rollout", &(run, visit, sample))
}
