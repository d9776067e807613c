//! A position's key and value into a block.

use super::{BLOCK, padded};
use crate::LANES;
use crate::element::Stored;
use crate::lanes::Lanes;
use crate::level::Kernel;

/// What is written where.
#[derive(Debug)]
#[expect(unnameable_types, reason = "an argument of the sealed kernels of a format")]
pub struct Store<'a, C> {
    pub(super) block: &'a mut [C],
    pub(super) at: usize,
    pub(super) key: &'a [f32],
    pub(super) value: &'a [f32],
}

impl<C: Stored> Kernel for Store<'_, C> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        let Self { block, at, key, value } = self;
        let (keys, values) = block.split_at_mut(BLOCK * key.len());
        // Rounded sixteen at a time and then spread: one at a time no vector instruction would do it.
        for (key, keys) in key.chunks(LANES).zip(keys.chunks_mut(LANES * BLOCK)) {
            let mut rounded = [C::default(); LANES];
            for (rounded, key) in rounded.iter_mut().zip(key) {
                *rounded = C::from_f32(*key);
            }
            for (lanes, rounded) in keys.as_chunks_mut::<BLOCK>().0.iter_mut().zip(&rounded) {
                lanes[at] = *rounded;
            }
        }
        let place = &mut values[at * padded(value.len())..][..value.len()];
        for (place, value) in place.iter_mut().zip(value) {
            *place = C::from_f32(*value);
        }
    }
}
