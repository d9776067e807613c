//! The memory of keys and values.

use thinksafe_kernels::{Element, block_len};

use crate::engine::{PageId, TOKENS_PER_PAGE};
use crate::model::ModelConfig;

// A kernel's block of positions is a page.
const _: () = assert!(thinksafe_kernels::BLOCK == TOKENS_PER_PAGE);

/// Keys and values of all pages: for each layer and key-value head the block of each page. Memory is taken when a page
/// is first used, and kept for the next sequence.
#[derive(Debug)]
pub(crate) struct KvStore<C> {
    layers: Vec<Vec<HeadBlocks<C>>>,
    pages: usize,
    block_len: usize,
}

/// One layer's and head's block of each page.
#[derive(Debug)]
pub(crate) struct HeadBlocks<C>(Vec<Box<[C]>>);

impl<C: Element> HeadBlocks<C> {
    pub(crate) fn block(&self, page: PageId) -> &[C] {
        &self.0[page.index()]
    }

    pub(crate) fn block_mut(&mut self, page: PageId) -> &mut [C] {
        &mut self.0[page.index()]
    }
}

impl<C: Element> KvStore<C> {
    /// A store without pages.
    pub(crate) fn new(config: &ModelConfig) -> Self {
        let layer = || (0..config.kv_heads).map(|_| HeadBlocks(Vec::new())).collect();
        Self {
            layers: (0..config.layers).map(|_| layer()).collect(),
            pages: 0,
            block_len: block_len(config.head_dim as usize),
        }
    }

    /// Bytes of one page.
    pub(crate) fn page_bytes(&self) -> usize {
        self.layers.iter().map(Vec::len).sum::<usize>() * self.block_len * size_of::<C>()
    }

    /// Makes sure that there is memory for a page.
    pub(crate) fn hold(&mut self, page: PageId) {
        while self.pages <= page.index() {
            for HeadBlocks(blocks) in self.layers.iter_mut().flatten() {
                blocks.push(vec![C::default(); self.block_len].into());
            }
            self.pages += 1;
        }
    }

    /// Copies a page to another.
    ///
    /// # Panics
    /// If they are the same.
    pub(crate) fn copy(&mut self, from: PageId, to: PageId) {
        self.hold(to);
        for HeadBlocks(blocks) in self.layers.iter_mut().flatten() {
            let pages = blocks.get_disjoint_mut([from.index(), to.index()]);
            let [from, to] = pages.expect("two pages that there is memory for");
            to.copy_from_slice(from);
        }
    }

    /// The heads of a layer.
    pub(crate) fn layer(&self, layer: usize) -> &[HeadBlocks<C>] {
        &self.layers[layer]
    }

    /// The heads of a layer, to store keys and values.
    pub(crate) fn layer_mut(&mut self, layer: usize) -> &mut [HeadBlocks<C>] {
        &mut self.layers[layer]
    }
}
