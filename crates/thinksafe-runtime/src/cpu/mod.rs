//! Decoding on the CPU without libtorch: packed weights, paged keys and values, and the kernels of
//! `thinksafe-kernels`.
//!
//! A step takes rows: one token each of any sequence, at any position; a prompt is rows of one sequence one after
//! another, so prompts and decoding share steps. What a row computes depends on its own sequence alone, to the bit:
//! not on the rows beside it, not on how its prompt was cut into steps, not on the number of threads.

mod attention;
mod decoder;
mod layer;
mod linear;
mod low_rank;
mod store;
#[cfg(test)]
mod tests;
mod weights;

use thinksafe_kernels::{Arithmetic, Element, Pool};

use crate::cpu::decoder::{CpuDecoder, Row};
use crate::cpu::store::KvStore;
use crate::engine::{Backend, PageId, Segment};
use crate::lora::LoadedLora;
use crate::model::CausalLm;

/// A decoder with its keys and values, whatever the format of both.
pub(crate) trait CpuBackend: Backend + Send + std::fmt::Debug {
    /// Computes all segments, and returns for each of their tokens the log-probability of the one that follows it.
    fn log_probabilities(
        &mut self,
        pool: &Pool,
        segments: &[Segment<'_>],
        following: &[u32],
    ) -> Vec<f64>;

    /// Takes the adapters' matrices anew. Keys and values computed before are of the old ones.
    fn renew_adapters(&mut self, model: &CausalLm, others: &[LoadedLora]);
}

/// A decoder that computes in f32, with f32 keys and values, the model's adapter and others.
pub(crate) fn f32(model: &CausalLm, others: &[LoadedLora]) -> Box<dyn CpuBackend> {
    Box::new(Native::<f32>::new((model, others), Arithmetic::F32))
}

/// A decoder that multiplies in bf16, with bf16 keys and values, the model's adapter and others.
pub(crate) fn bf16(model: &CausalLm, others: &[LoadedLora]) -> Box<dyn CpuBackend> {
    Box::new(Native::<half::bf16>::new((model, others), Arithmetic::Bf16))
}

/// A decoder and keys and values in `C`.
#[derive(Debug)]
struct Native<C> {
    decoder: CpuDecoder,
    store: KvStore<C>,
}

impl<C: Element> Native<C> {
    fn new((model, others): (&CausalLm, &[LoadedLora]), arithmetic: Arithmetic) -> Self {
        let store = KvStore::new(model.config());
        Self { decoder: CpuDecoder::new(model, others, arithmetic), store }
    }

    /// The tokens of the segments, with memory for what they are to keep.
    fn rows<'a>(&mut self, segments: &[Segment<'a>]) -> Vec<Row<'a>> {
        let mut rows = Vec::new();
        for segment in segments {
            for page in segment.pages {
                self.store.hold(*page);
            }
            let last = segment.tokens.len() - 1;
            rows.extend(segment.tokens.iter().enumerate().map(|(i, token)| Row {
                token: *token,
                position: segment.start + i,
                pages: segment.pages,
                adapter: segment.adapter,
                logits: segment.draw.is_some() && i == last,
            }));
        }
        rows
    }
}

impl<C: Element> CpuBackend for Native<C> {
    fn log_probabilities(
        &mut self,
        pool: &Pool,
        segments: &[Segment<'_>],
        following: &[u32],
    ) -> Vec<f64> {
        let mut rows = self.rows(segments);
        for row in &mut rows {
            row.logits = true;
        }
        self.decoder.log_probabilities(pool, &mut self.store, (&rows, following))
    }

    fn renew_adapters(&mut self, model: &CausalLm, others: &[LoadedLora]) {
        self.decoder.renew_adapters(model, others);
    }
}

impl<C: Element> Backend for Native<C> {
    fn page_bytes(&self) -> usize {
        self.store.page_bytes()
    }

    fn copy(&mut self, from: PageId, to: PageId) -> bool {
        self.store.copy(from, to);
        true
    }

    fn mixes_adapters(&self) -> bool {
        true
    }

    fn logits(&mut self, pool: &Pool, segments: &[Segment<'_>]) -> Vec<f32> {
        let rows = self.rows(segments);
        self.decoder.step(pool, &mut self.store, &rows)
    }
}
