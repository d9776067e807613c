//! The crate's error.

use std::path::PathBuf;

/// What can go wrong with models, adapters, devices and the engine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An operation needs a model with a LoRA adapter, or one without.
    #[error("the model has {found}, but {operation} needs {needed}")]
    Adapter {
        /// What was tried.
        operation: &'static str,
        /// What it needs.
        needed: &'static str,
        /// What the model has.
        found: &'static str,
    },
    /// A field of `adapter_config.json` or a LoRA setting is missing, wrong, or asks for what is not supported.
    #[error("{origin}: `{field}` is {found}, expected {expected}")]
    AdapterConfig {
        /// The file, or `LoraConfig`.
        origin: String,
        /// The field.
        field: String,
        /// Its value.
        found: String,
        /// What would be accepted.
        expected: String,
    },
    /// libtorch reported an error.
    #[error("libtorch failed to {action}")]
    Backend {
        /// What was tried.
        action: String,
        /// Its words.
        #[source]
        source: Backend,
    },
    /// A safetensors file or its index is damaged.
    #[error("{path}: {reason}")]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A field of `config.json` is missing, wrong, or asks for what is not supported.
    #[error("{origin}: `{field}` is {found}, expected {expected}")]
    Config {
        /// The file.
        origin: String,
        /// The field.
        field: String,
        /// Its value, or `absent`.
        found: String,
        /// What would be accepted.
        expected: String,
    },
    /// A device cannot be used.
    #[error("device {device} cannot be used: {reason}")]
    Device {
        /// The device as it was named.
        device: String,
        /// Why not.
        reason: String,
    },
    /// A tensor is stored in a number format that is not read.
    #[error("{path}: tensor {tensor} has dtype {found}, expected F32, BF16 or F16")]
    Dtype {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// Its dtype.
        found: String,
    },
    /// A file could not be read or written.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The operating system's answer.
        #[source]
        source: std::io::Error,
    },
    /// A tensor that the model needs is not in the checkpoint or adapter.
    #[error("{path}: tensor {tensor} is missing")]
    MissingTensor {
        /// The file or folder searched.
        path: PathBuf,
        /// The tensor.
        tensor: String,
    },
    /// A tensor holds a NaN or an infinity.
    #[error("{path}: tensor {tensor} holds {count} values that are not finite")]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// How many of its values.
        count: i64,
    },
    /// An engine option is out of its range.
    #[error("engine option `{field}` is {found}, expected {expected}")]
    Option {
        /// The option.
        field: &'static str,
        /// Its value.
        found: String,
        /// The range.
        expected: &'static str,
    },
    /// A name is none of those known.
    #[error("unknown {what} `{found}`, expected {expected}")]
    Parse {
        /// What was to be named.
        what: &'static str,
        /// The name found.
        found: String,
        /// The names known.
        expected: &'static str,
    },
    /// A pattern is no regular expression.
    #[error("`{pattern}` is no pattern for names")]
    Pattern {
        /// Its text.
        pattern: String,
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A tensor has another shape than the model's configuration gives it.
    #[error("{path}: tensor {tensor} has shape {found:?}, expected {expected:?}")]
    Shape {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// Its shape.
        found: Vec<i64>,
        /// The shape expected.
        expected: Vec<i64>,
    },
    /// Reading or writing through the shared file functions failed.
    #[error(transparent)]
    Shared(#[from] thinksafe_core::Error),
    /// A checkpoint or adapter holds tensors that the model has no place for.
    #[error("{path}: {count} tensors have no place in the model, the first is {tensor}")]
    UnexpectedTensor {
        /// The file or folder.
        path: PathBuf,
        /// The first of them, by name.
        tensor: String,
        /// How many.
        count: usize,
    },
}

/// An error of libtorch; its text is all that it says.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Backend(#[from] tch::TchError);

impl Error {
    /// Wraps an error of libtorch.
    pub(crate) fn backend(action: impl Into<String>, source: tch::TchError) -> Self {
        Self::Backend { action: action.into(), source: Backend(source) }
    }
}
