//! The memory of all keys and values on a device, and how it grows until there is no more.

use tch::{Device, Kind, TchError, Tensor};

use crate::engine::TOKENS_PER_PAGE;

/// How memory is taken, not filled; tests put one here that runs out.
pub(crate) type Allocate = fn(&[i64], (Kind, Device)) -> Result<Tensor, TchError>;

/// Pages of the first allocation.
const FIRST: usize = 64;

/// What a step needs beside keys and values: growing stops where less than this would be left on a GPU, in bytes.
const HEADROOM: i64 = 1 << 30;

/// Keys and values of all pages.
#[derive(Debug)]
pub(super) struct Arena {
    /// For each layer keys and values, `[slots, K, D]`.
    layers: Vec<[Tensor; 2]>,
    pages: usize,
    /// K and D.
    heads: [i64; 2],
    kind: (Kind, Device),
    allocate: Allocate,
}

impl Arena {
    /// An arena without pages.
    pub(super) fn new(layers: usize, heads: [i64; 2], kind: (Kind, Device)) -> Self {
        let empty = || Tensor::zeros([0, heads[0], heads[1]], kind);
        let layers = (0..layers).map(|_| [empty(), empty()]).collect();
        let allocate: Allocate = |size, kind| Tensor::f_empty(size, kind);
        Self { layers, pages: 0, heads, kind, allocate }
    }

    #[cfg(test)]
    pub(super) fn with_allocate(self, allocate: Allocate) -> Self {
        Self { allocate, ..self }
    }

    /// Pages that there is memory for; as long as this stays, so does the memory.
    pub(super) fn pages(&self) -> usize {
        self.pages
    }

    /// Keys and values of a layer, `[slots, K, D]`.
    pub(super) fn layer(&mut self, index: usize) -> &mut [Tensor; 2] {
        &mut self.layers[index]
    }

    /// Sets pages to zero.
    pub(super) fn clear(&mut self, pages: &[i64]) {
        if pages.is_empty() {
            return;
        }
        let pages = Tensor::from_slice(pages).to_device(self.kind.1);
        let [heads, dim] = self.heads;
        for tensor in self.layers.iter().flatten() {
            let by_page = tensor.view([-1, TOKENS_PER_PAGE as i64, heads, dim]);
            let _ = tch::no_grad(|| by_page.shallow_clone().index_fill_(0, &pages, 0.0));
        }
    }

    /// Makes room for this many pages: twice what there is, or where that much memory is not to be had, an eighth more,
    /// or just what is asked for. False if not even that can be had; what there is stays.
    pub(super) fn hold(&mut self, pages: usize) -> bool {
        if pages <= self.pages {
            return true;
        }
        let sizes = [FIRST.max(2 * self.pages), self.pages + self.pages / 8, 0];
        sizes.into_iter().any(|size| {
            let size = size.max(pages);
            let grown = self.grow(size);
            if let Err(error) = &grown {
                tracing::debug!(pages = size, %error, "no memory for more keys and values");
            }
            grown.is_ok()
        })
    }

    /// Layer by layer, so that only one tensor is there twice at a time.
    fn grow(&mut self, pages: usize) -> Result<(), TchError> {
        let [heads, dim] = self.heads;
        let slots = |pages: usize| (pages * TOKENS_PER_PAGE) as i64;
        let (used, size) = (slots(self.pages), [slots(pages), heads, dim]);
        // What all layers need, had and given back at once: a failure must not come when half of them have grown.
        let added = 2 * self.layers.len() as i64 * (size[0] - used) + used;
        drop((self.allocate)(&[added + self.headroom(), heads, dim], self.kind)?);
        for tensor in self.layers.iter_mut().flatten() {
            let new = (self.allocate)(&size, self.kind)?;
            tch::no_grad(|| {
                new.narrow(0, 0, used).copy_(&tensor.narrow(0, 0, used));
                // What nobody has written is read where pages are padded, with weight 0: it must be finite.
                let _ = new.narrow(0, used, size[0] - used).zero_();
            });
            *tensor = new;
        }
        self.pages = pages;
        Ok(())
    }

    /// The headroom in slots; on the processor, memory is not for us to divide.
    fn headroom(&self) -> i64 {
        let slot = self.heads.iter().product::<i64>() * self.kind.0.elt_size_in_bytes() as i64;
        if self.kind.1 == Device::Cpu { 0 } else { HEADROOM / slot }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Memory for 100 pages at a time.
    fn little(size: &[i64], kind: (Kind, Device)) -> Result<Tensor, TchError> {
        if size[0] > 100 * TOKENS_PER_PAGE as i64 {
            return Err(TchError::Torch("CUDA out of memory".to_owned()));
        }
        Tensor::f_empty(size, kind)
    }

    fn arena(allocate: Allocate) -> Arena {
        Arena::new(2, [2, 3], (Kind::Float, Device::Cpu)).with_allocate(allocate)
    }

    #[test]
    fn growing_keeps_what_is_held_and_the_rest_is_zero() {
        let mut arena = arena(|size, kind| Tensor::f_full(size, f64::NAN, kind));
        assert!(arena.hold(3));
        assert_eq!(arena.pages, FIRST);
        let _ = arena.layer(1)[1].fill_(7.0);
        assert!(arena.hold(FIRST + 1));
        let values = &arena.layer(1)[1];
        assert_eq!(values.size(), [2 * 64 * 16, 2, 3]);
        assert_eq!(f64::try_from(values.sum(Kind::Float)).unwrap(), 7.0 * 64.0 * 16.0 * 6.0);
    }

    #[test]
    fn where_memory_ends_less_is_taken_and_nothing_is_lost() {
        let mut arena = arena(little);
        // A first growth by 64 pages would take 256 at once; 25 pages in 2 layers are what 100 have room for.
        assert!(!arena.hold(26));
        assert!(arena.hold(20));
        let _ = arena.layer(0)[0].fill_(1.0);
        // An eighth more: 2 pages, 8 in all layers, and one old tensor of 20 beside its successor.
        assert!(arena.hold(21));
        assert_eq!(arena.pages, 22);
        assert_eq!(f64::try_from(arena.layer(0)[0].sum(Kind::Float)).unwrap(), 20.0 * 16.0 * 6.0);
        assert!(!arena.hold(60));
        assert_eq!((arena.pages, arena.layer(1)[1].size()[0]), (22, 22 * 16));
        assert!(arena.hold(22));
    }
}
