//! What a run tells those who watch it.

use std::path::Path;

use crate::Error;
use crate::record::GrpoStep;

/// Something that happened in [`fit`](crate::fit).
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The run begins, or goes on.
    Began {
        /// Steps done by earlier processes.
        done: u64,
        /// Steps of the configured duration.
        total: u64,
    },
    /// A step was done and logged.
    Stepped(&'a GrpoStep),
    /// A checkpoint was written.
    Saved(&'a Path),
}

/// Is told each event as it happens. An error ends the run as it is: what was saved before stays.
pub type OnEvent<'a> = &'a mut dyn FnMut(Event<'_>) -> Result<(), Error>;
