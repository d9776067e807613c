//! The crate's error.

/// What can go wrong in reinforcement learning.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// libtorch failed: out of memory, a device that is gone.
    #[error("libtorch could not {action}")]
    Backend {
        /// What was tried.
        action: &'static str,
        /// Its words.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A checkpoint is incomplete or damaged.
    #[error("{path} is not a usable checkpoint: {reason}")]
    Checkpoint {
        /// The checkpoint's directory.
        path: std::path::PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A prompt cannot be encoded.
    #[error("prompt `{prompt}` cannot be encoded")]
    Chat {
        /// The prompt's id.
        prompt: String,
        /// Why not.
        #[source]
        source: thinksafe_chat::Error,
    },
    /// A setting is out of its range or does not go with another one.
    #[error("setting `{field}`: {reason}")]
    Config {
        /// The setting.
        field: &'static str,
        /// What was expected.
        reason: String,
    },
    /// A file, a record log, the engine or a judge failed.
    #[error(transparent)]
    Core(#[from] thinksafe_core::Error),
    /// There is nothing to learn from.
    #[error("there are no prompts")]
    NoPrompts,
    /// None of the rewards has anything to say about a prompt.
    #[error("no reward applies to prompt `{prompt}`")]
    NoReward {
        /// The prompt's id.
        prompt: String,
    },
    /// A prompt has the id of another one.
    #[error("two prompts have the id `{prompt}`")]
    PromptId {
        /// The id.
        prompt: String,
    },
    /// A reward failed: it is never taken for 0.
    #[error("reward `{reward}` failed on {}", of_prompts(prompts))]
    Reward {
        /// The reward's name.
        reward: String,
        /// The ids of the prompts whose responses it was to score, or of the one that it failed on.
        prompts: Vec<String>,
        /// What it reported.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A reward gave another number of scores than there were responses.
    #[error("reward `{reward}` gave {found} scores for {expected} responses")]
    RewardCount {
        /// The reward's name.
        reward: String,
        /// Scores given.
        found: usize,
        /// Responses to score.
        expected: usize,
    },
    /// A reward gave NaN or infinity.
    #[error("reward `{reward}` is {value} for a response to prompt `{prompt}`")]
    RewardValue {
        /// The reward's name.
        reward: String,
        /// The prompt's id.
        prompt: String,
        /// The value.
        value: f64,
    },
    /// The model or the engine refused.
    #[error(transparent)]
    Runtime(#[from] thinksafe_runtime::Error),
    /// The optimizer, a checkpoint or a step log failed; a loss or gradient that is not finite.
    #[error(transparent)]
    Training(#[from] thinksafe_sft::Error),
}

/// The first few prompts by name.
fn of_prompts(prompts: &[String]) -> String {
    let named: Vec<String> = prompts.iter().take(3).map(|id| format!("`{id}`")).collect();
    let others = prompts.len() - named.len();
    let tail = if others > 0 { format!(" and {others} more") } else { String::new() };
    format!("prompt {}{tail}", named.join(", "))
}
