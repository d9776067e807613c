//! What the scheduler runs steps on.

use thinksafe_kernels::Pool;

use crate::engine::draw::{Draw, Drawn};
use crate::engine::pages::PageId;
use crate::engine::sampler;

/// Consecutive tokens of one sequence in one step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Segment<'a> {
    pub(crate) tokens: &'a [u32],
    /// The position of the first of them; keys and values of all earlier ones are in the pages.
    pub(crate) start: usize,
    /// The sequence's pages, those of the new tokens included.
    pub(crate) pages: &'a [PageId],
    /// The adapter that computes it, if any: 0 is the model's own, then those that the engine holds by name.
    pub(crate) adapter: Option<usize>,
    /// How the token after the last is drawn; `None` if more of the sequence's tokens are to come first.
    pub(crate) draw: Option<Draw<'a>>,
}

/// A model that computes steps, with the memory of its keys and values.
pub(crate) trait Backend {
    /// Bytes of one page.
    fn page_bytes(&self) -> usize;

    /// Takes memory for a page before a step uses it; false if there is none, for it and every later page.
    ///
    /// By default memory comes as steps use it, and the operating system has it or ends the process.
    fn hold(&mut self, _: PageId) -> bool {
        true
    }

    /// Copies the keys and values of a page that is held to another; false if that is not done here.
    fn copy(&mut self, _from: PageId, _to: PageId) -> bool {
        false
    }

    /// Whether the segments of a step may be computed with different adapters.
    fn mixes_adapters(&self) -> bool {
        false
    }

    /// Computes all segments, and returns the logits `[segments that draw, V]` in their order, in f32 on the host.
    fn logits(&mut self, pool: &Pool, segments: &[Segment<'_>]) -> Vec<f32>;

    /// Computes all segments, and draws a token for each that asks for one, in their order.
    ///
    /// A device that can draw by itself does; here the host draws, a row a thread.
    fn draw(&mut self, pool: &Pool, segments: &[Segment<'_>]) -> Vec<Drawn> {
        let logits = self.logits(pool, segments);
        let _span = tracing::trace_span!("draw").entered();
        let draws: Vec<Draw<'_>> = segments.iter().filter_map(|segment| segment.draw).collect();
        sampler::draw_rows(pool, &logits, &draws)
    }
}
