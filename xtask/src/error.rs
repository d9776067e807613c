//! What can go wrong, and what the user can do about it.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use crate::libtorch::VERSION;

/// A failure of set-up or of a check.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A check's own findings, one a line.
    #[error("{check}: {} finding(s)\n{}", findings.len(), findings.join("\n"))]
    Findings { check: &'static str, findings: Vec<String> },

    /// A file or folder could not be read or written.
    #[error("cannot {action} {}", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },

    /// The disk filled up, or holds too little to begin with.
    #[error("not enough disk space in {}: {found}", path.display())]
    DiskFull { path: PathBuf, found: String },

    /// A program printed something other than agreed.
    #[error("cannot understand what {program} printed: {reason}")]
    Output { program: String, reason: String },

    /// An option that a measurement needs was not given.
    #[error("verdicts of a guard need {name}")]
    Missing { name: &'static str },

    /// pip could not reach the package index.
    #[error("pip could not download: {detail}")]
    Network { detail: String },

    /// pip failed for another reason.
    #[error("pip failed: {detail}")]
    Pip { detail: String },

    /// Python has no pip.
    #[error("{python} has no pip")]
    PipMissing { python: String },

    /// PyPI has no wheel that runs here.
    #[error("no libtorch {VERSION} can be provisioned for {found}")]
    Platform { found: String },

    /// A program of ours or of cargo's ended with an error, which it has printed.
    #[error("`{command}` failed ({status})")]
    Program { command: String, status: ExitStatus },

    /// Python is not there.
    #[error("cannot run {python}")]
    PythonMissing { python: String, source: io::Error },

    /// LIBTORCH_USE_PYTORCH is set, but that Python has no usable torch.
    #[error("LIBTORCH_USE_PYTORCH is set, but {python} cannot import torch: {detail}")]
    PytorchMissing { python: String, detail: String },

    /// A program could not be started.
    #[error("cannot start `{command}`")]
    Start { command: String, source: io::Error },

    /// What was provisioned is not what it has to be.
    #[error("{} is not a whole libtorch: {reason}", path.display())]
    Unfinished { path: PathBuf, reason: String },

    /// The user's own libtorch is not one.
    #[error("LIBTORCH is set to {}, but {reason}", path.display())]
    UserLibtorch { path: PathBuf, reason: String },

    /// The user's own libtorch has another version.
    #[error("{variable} leads to libtorch {found}, but this workspace needs {VERSION}")]
    Version { variable: &'static str, found: String },

    /// A wheel could not be unpacked.
    #[error("cannot unpack the wheels: {detail}")]
    Unpack { detail: String },
}

impl Error {
    /// An [`Error::Io`], or [`Error::DiskFull`] where that is the cause.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::DiskFull { path, found: source.to_string() }
            }
            _ => Self::Io { action, path, source },
        }
    }

    /// What to do about it, where that is not plain from the error.
    pub(crate) fn advice(&self) -> Option<String> {
        let text = match self {
            Self::DiskFull { .. } => {
                "free some space (or move the checkout to a larger disk) and run the command again; \
                 what was half done is cleaned up then"
            }
            Self::Network { .. } => {
                "check the connection (behind a proxy or mirror: pip's HTTPS_PROXY, PIP_INDEX_URL, PIP_CERT) \
                 and run the command again; wheels that are complete are kept. Without network, set LIBTORCH \
                 to a libtorch 2.11.0 of your own"
            }
            Self::Pip { .. } => {
                "see pip's own words above; a pip older than 21 is mended by `python3 -m pip install --upgrade pip`. \
                 Or set LIBTORCH to a libtorch 2.11.0 of your own"
            }
            Self::PipMissing { .. } => {
                "install pip (Debian, Ubuntu: `apt install python3-pip`; elsewhere `python3 -m ensurepip`) \
                 or set LIBTORCH to a libtorch 2.11.0 of your own"
            }
            Self::Platform { .. } => {
                "wheels are taken for Linux on x86_64 with glibc 2.28 or newer; elsewhere install libtorch 2.11.0 \
                 or `pip install torch==2.11.0` and set LIBTORCH or LIBTORCH_USE_PYTORCH=1"
            }
            Self::PythonMissing { .. } => {
                "install Python 3 with pip (Debian, Ubuntu: `apt install python3 python3-pip`) \
                 or set LIBTORCH to a libtorch 2.11.0 of your own"
            }
            Self::PytorchMissing { .. } => {
                "activate the environment that has torch, `pip install torch==2.11.0 setuptools` there, \
                 or unset LIBTORCH_USE_PYTORCH to have libtorch provisioned"
            }
            Self::Unfinished { .. } | Self::Unpack { .. } => {
                "run `cargo xtask setup --force`; it starts from fresh wheels"
            }
            Self::UserLibtorch { .. } => {
                "set it to the folder (absolute path) that holds lib/ and include/ of libtorch 2.11.0, \
                 or unset it to have libtorch provisioned by `cargo xtask setup`"
            }
            Self::Version { .. } => {
                "point it to libtorch 2.11.0, or unset it to have libtorch provisioned by `cargo xtask setup`"
            }
            _ => return None,
        };
        Some(text.to_owned())
    }
}
