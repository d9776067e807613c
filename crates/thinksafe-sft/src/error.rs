//! The crate's error.

use std::path::PathBuf;

/// What can go wrong in fine-tuning.
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
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A checkpoint, or a train log, belongs to another run.
    #[error("{path} is of another run: its `{field}` is {found}, this run's is {expected}")]
    CheckpointMismatch {
        /// The checkpoint's directory, or the log.
        path: PathBuf,
        /// What differs: `model`, `data`, `parameters`, or a setting (`config.optimizer.lr`, `adapter.dropout`).
        field: String,
        /// The checkpoint's value.
        found: String,
        /// This run's value.
        expected: String,
    },
    /// A setting is out of its range or does not go with another one.
    #[error("setting `{field}`: {reason}")]
    Config {
        /// The setting.
        field: &'static str,
        /// What was expected.
        reason: String,
    },
    /// A file or a record log failed.
    #[error(transparent)]
    Core(#[from] thinksafe_core::Error),
    /// An example cannot be trained on.
    #[error("example `{id}`: {reason}")]
    Example {
        /// The example.
        id: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The processes that train together have not been given the same, or one of them is gone.
    #[error(transparent)]
    Group(#[from] thinksafe_distributed::Error),
    /// There is nothing to train on or to evaluate.
    #[error("there are no examples")]
    NoExamples,
    /// The loss or the gradient is NaN or infinite; the weights were not touched.
    #[error("the {quantity} of step {step} is {value}; examples: {}", examples.join(", "))]
    NonFinite {
        /// `loss` or `gradient norm`.
        quantity: &'static str,
        /// The optimizer step, from 1.
        step: u64,
        /// The value.
        value: f64,
        /// The examples of the micro-batch (loss) or of the global batch (gradient norm).
        examples: Vec<String>,
    },
    /// The loss on held-out examples is NaN or infinite.
    #[error("the loss on held-out examples after step {step} is {value}")]
    NonFiniteEvaluation {
        /// The optimizer step, from 1.
        step: u64,
        /// The value.
        value: f64,
    },
    /// The model refused.
    #[error(transparent)]
    Runtime(#[from] thinksafe_runtime::Error),
}

impl Error {
    pub(crate) fn backend(action: &'static str) -> impl FnOnce(tch::TchError) -> Self {
        move |source| Self::Backend { action, source: Box::new(source) }
    }
}
