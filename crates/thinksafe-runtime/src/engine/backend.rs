//! What the scheduler runs steps on.

use thinksafe_kernels::Pool;

use crate::engine::pages::PageId;

/// Consecutive tokens of one sequence in one step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Segment<'a> {
    pub(crate) tokens: &'a [u32],
    /// The position of the first of them; keys and values of all earlier ones are in the pages.
    pub(crate) start: usize,
    /// The sequence's pages, those of the new tokens included.
    pub(crate) pages: &'a [PageId],
    /// Whether the logits of the last token are wanted.
    pub(crate) logits: bool,
}

/// A model that computes steps, with the memory of its keys and values.
pub(crate) trait Backend {
    /// Bytes of one page.
    fn page_bytes(&self) -> usize;

    /// Computes all segments, and returns the logits `[segments that want them, V]` in their order, in f32 on the host.
    fn step(&mut self, pool: &Pool, segments: &[Segment<'_>]) -> Vec<f32>;
}
