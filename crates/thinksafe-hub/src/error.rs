//! The crate's error.

use std::path::PathBuf;

/// What can go wrong with a snapshot.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The Hub, or what is between it and here, failed.
    #[error("cannot fetch {what} of {repo} at `{revision}`")]
    Fetch {
        /// A file, or `the list of files`.
        what: String,
        /// The repository.
        repo: String,
        /// The revision.
        revision: String,
        /// What the client reported.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The environment names no place for the cache.
    #[error("no cache: set HF_HUB_CACHE, HF_HOME or HOME")]
    NoCache,
    /// The repository has no such file.
    #[error("{repo} at `{revision}` has no {file}")]
    NoFile {
        /// The repository.
        repo: String,
        /// The revision.
        revision: String,
        /// The file, or the kind of files.
        file: String,
    },
    /// Something is not in the cache, and nothing may be fetched.
    #[error("{repo} at `{revision}`: {what} is not in the cache {cache}, and offline mode is on")]
    Offline {
        /// The repository.
        repo: String,
        /// The revision.
        revision: String,
        /// A file, or `the revision`.
        what: String,
        /// The cache.
        cache: PathBuf,
    },
    /// A file of the cache could not be read or written.
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
    /// A name would lead out of the cache, or is none.
    #[error("{what} `{name}` is not of the form {expected}")]
    Name {
        /// What it names: `repository`, `revision`, `file`, `commit`.
        what: &'static str,
        /// The name.
        name: String,
        /// The form.
        expected: &'static str,
    },
}
