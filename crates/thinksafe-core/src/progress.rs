//! Progress of long work, reported by callback: bars and colours belong to programs, not to libraries.

/// A step of long work.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// What is being done, for people: `generate`, `judge`, `train`, ...
    pub phase: &'static str,
    /// Items finished, those of earlier runs included.
    pub done: u64,
    /// Items in all.
    pub total: u64,
    /// Tokens processed by this run.
    pub tokens: u64,
    /// A short extra fact (a loss, a rate), if any.
    pub note: Option<String>,
}

/// Receives progress.
pub type OnProgress<'a> = &'a mut dyn FnMut(Progress);
