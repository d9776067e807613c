//! Steps that are run again and again with other numbers: padded to few shapes, over inputs that stay where they are.

use std::collections::HashMap;
use std::fmt::Debug;

use tch::{Device, Tensor};

use crate::engine::{Segment, TOKENS_PER_PAGE};
use crate::torch::packed::{Packed, Uploaded};
use crate::torch::plan::Plan;
use crate::torch::step::{Parts, Step};

/// The most rows of a recorded step.
const ROWS: usize = 256;

/// The fewest pages: shorter contexts share one record.
const PAGES: usize = 4;

/// The shape that a step of single tokens is padded to: powers of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Bucket {
    pub(crate) rows: usize,
    pub(crate) pages: usize,
}

impl Bucket {
    /// The bucket of a step in which every segment is one token that is drawn after.
    pub(super) fn of(segments: &[Segment<'_>]) -> Option<Self> {
        let single = |s: &Segment<'_>| s.tokens.len() == 1 && s.draw.is_some();
        let fits = (1..=ROWS).contains(&segments.len()) && segments.iter().all(single);
        let last = segments.iter().map(|s| s.start).max()?;
        let pages = (last / TOKENS_PER_PAGE + 1).next_power_of_two().max(PAGES);
        fits.then(|| Self { rows: segments.len().next_power_of_two(), pages })
    }

    /// Bytes of the copies of keys and values in one layer, for pages of so many bytes.
    pub(super) fn gathers(self, page_bytes: usize) -> usize {
        self.rows * self.pages * page_bytes
    }

    /// Repeats the first segment: it writes once more what it writes, and what is drawn after it is dropped.
    fn pad<'a>(self, segments: &[Segment<'a>]) -> Vec<Segment<'a>> {
        let mut padded = segments.to_vec();
        padded.resize(self.rows, segments[0]);
        padded
    }
}

/// What runs work of one bucket for the first time, and again.
pub(crate) trait Replay: Debug + Send {
    /// The result of `work`, or of the same operations as recorded when `work` ran for this bucket.
    ///
    /// Between two calls for a bucket nothing changes but the contents of the tensors that `work` reads.
    fn run(&mut self, bucket: Bucket, work: &mut dyn FnMut() -> Tensor) -> Tensor;

    /// Drops all records: tensors that they use have moved.
    fn forget(&mut self);

    /// Whether there are records and none has failed.
    #[cfg(test)]
    fn works(&self) -> bool;
}

/// Steps run through a [`Replay`].
#[derive(Debug)]
pub(super) struct Replayed {
    replay: Box<dyn Replay>,
    /// For each bucket the layout of its input, and the input.
    inputs: HashMap<Bucket, (Parts, Uploaded)>,
    /// Pages of the arena that records are of.
    pages: usize,
}

impl Replayed {
    pub(super) fn new(replay: Box<dyn Replay>) -> Self {
        Self { replay, inputs: HashMap::new(), pages: 0 }
    }

    #[cfg(test)]
    pub(super) fn works(&self) -> bool {
        self.replay.works()
    }

    /// Computes a step of a bucket over an arena of this many pages: `[segments, V]`.
    pub(super) fn run(
        &mut self,
        bucket: Bucket,
        segments: &[Segment<'_>],
        (pages, device): (usize, Device),
        work: &mut dyn FnMut(&Step) -> Tensor,
    ) -> Tensor {
        if self.pages != pages {
            self.replay.forget();
            self.pages = pages;
        }
        let mut packed = Packed::default();
        let padded = bucket.pad(segments);
        let parts = Parts::new(&padded, Plan::together(&padded, bucket.pages), &mut packed);
        let input = self.inputs.entry(bucket).or_insert_with(|| (parts, packed.upload(device)));
        let (parts, input) = &*input;
        input.overwrite(&packed);
        let logits = self.replay.run(bucket, &mut || work(&parts.on_device(input)));
        logits.narrow(0, 0, segments.len() as i64)
    }
}
