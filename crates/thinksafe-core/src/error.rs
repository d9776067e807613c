//! The crate's error.

use std::path::PathBuf;

/// What can go wrong with the shared words: files, record logs, settings, engines behind a seam.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An engine or guard behind a seam failed as a whole; requests it had not answered are lost to this call.
    #[error("{engine} failed")]
    Engine {
        /// The engine's name, from its identity.
        engine: String,
        /// What it reported.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file could not be read or written.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried: `read`, `create`, `append to`, `rename`, ...
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The operating system's answer.
        #[source]
        source: std::io::Error,
    },
    /// A record log holds the same key twice, or was given one that it holds.
    #[error("{path}:{line}: key {key} is already in the log")]
    LogDuplicate {
        /// The log.
        path: PathBuf,
        /// The line (from 1) of the second occurrence.
        line: usize,
        /// The key.
        key: String,
    },
    /// A record log is not of the format and version that this program writes.
    #[error("{path}: expected a {expected} log of version {version}, found {found}")]
    LogFormat {
        /// The log.
        path: PathBuf,
        /// The format's name.
        expected: &'static str,
        /// The version this program reads.
        version: u32,
        /// What the first line says.
        found: String,
    },
    /// Another process has the record log open for appending.
    #[error("{path} is being written by another process")]
    LogLocked {
        /// The log.
        path: PathBuf,
    },
    /// A line of a JSON Lines file is not what was expected there.
    #[error("{path}:{line}: not a valid {expected}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What was expected on that line.
        expected: &'static str,
        /// Which field, and what is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// A sampling setting is out of its range.
    #[error("sampling setting `{field}` is {value}, expected {expected}")]
    Sampling {
        /// The setting.
        field: &'static str,
        /// Its value.
        value: String,
        /// The range.
        expected: &'static str,
    },
    /// A value could not be written as JSON.
    #[error("cannot write {what} as JSON")]
    Serialize {
        /// What was to be written.
        what: &'static str,
        /// Why not.
        #[source]
        source: serde_json::Error,
    },
    /// A prompt label is none of the four of SafeChain.
    #[error(
        "unknown prompt label `{found}`, expected vanilla_harmful, vanilla_benign, adversarial_harmful or adversarial_benign"
    )]
    UnknownLabel {
        /// The label found.
        found: String,
    },
}

impl Error {
    /// Wraps what an engine behind a seam reported.
    pub fn engine(
        engine: impl Into<String>,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self::Engine { engine: engine.into(), source: Box::new(source) }
    }
}
