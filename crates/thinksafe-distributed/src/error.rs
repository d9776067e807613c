//! The crate's error.

/// What can go wrong among processes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An operation among the processes failed, so the group is of no further use.
    #[error(
        "{operation} failed on rank {rank} of {world_size}: another rank has ended, failed or did not come"
    )]
    Collective {
        /// The operation.
        operation: &'static str,
        /// This process.
        rank: usize,
        /// How many there are.
        world_size: usize,
        /// Gloo's or NCCL's words.
        #[source]
        source: Opaque,
    },
    /// The processes were not given the same.
    #[error("{differing} of {world_size} ranks have another {what} than rank 0")]
    Disagreement {
        /// What should be the same.
        what: &'static str,
        /// How many differ from rank 0.
        differing: usize,
        /// How many processes there are.
        world_size: usize,
    },
    /// The processes cannot be connected.
    #[error("rank {rank} of {world_size} cannot join the others: {action} failed")]
    Join {
        /// This process.
        rank: usize,
        /// How many there should be.
        world_size: usize,
        /// What was tried.
        action: &'static str,
        /// libtorch's or NCCL's words, or who did not come.
        #[source]
        source: Opaque,
    },
    /// A variable of the launcher is missing or makes no sense.
    #[error("environment variable {variable} is {found}, expected {expected}; start with torchrun")]
    Launch {
        /// The variable.
        variable: &'static str,
        /// Its value, or `absent`.
        found: String,
        /// What would be accepted.
        expected: String,
    },
    /// A tensor cannot take part in an operation.
    #[error("{operation} takes {expected}, got {found}")]
    Tensor {
        /// The operation.
        operation: &'static str,
        /// What would be accepted.
        expected: String,
        /// What it is.
        found: String,
    },
}

/// The words of a library that is not part of this crate's interface.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Opaque(thinksafe_torch_sys::Error);

impl From<thinksafe_torch_sys::Error> for Opaque {
    fn from(error: thinksafe_torch_sys::Error) -> Self {
        Self(error)
    }
}
