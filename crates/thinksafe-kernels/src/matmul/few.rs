//! Few rows with compact panels: some steps at a time are unpacked into the first cache and multiplied at once, while the next come
//! from memory.

use std::ops::Range;

use super::tile::{Product, parts, put};
use crate::LANES;
use crate::lanes::Lanes;
use crate::level::Kernel;
use crate::pack::{Compact, GROUP};
use crate::step::Step;

/// The most rows.
pub(super) const FEW: usize = 8;

/// Steps that are unpacked at a time.
const CHUNK: usize = 16;

/// At most [`FEW`] rows with a group of panels.
pub(super) struct Few<'a, S: Step> {
    pub(super) product: &'a Product<'a, S>,
    pub(super) compact: &'a Compact,
    /// The first panel of the group.
    pub(super) panel: usize,
}

impl<S: Step<Weights = [u32; LANES]>> Kernel for Few<'_, S> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        let length = self.product.x.len() / self.product.size[0];
        for steps in parts(length) {
            match (self.compact.width(self.panel), self.product.size[0]) {
                (GROUP, 1) => self.multiply::<V, 1, GROUP>(&steps, length),
                (GROUP, 2) => self.multiply::<V, 2, GROUP>(&steps, length),
                (GROUP, 3 | 4) => self.multiply::<V, 4, GROUP>(&steps, length),
                (GROUP, _) => self.multiply::<V, FEW, GROUP>(&steps, length),
                (2, _) => self.multiply::<V, FEW, 2>(&steps, length),
                _ => self.multiply::<V, FEW, 1>(&steps, length),
            }
        }
    }
}

impl<S: Step<Weights = [u32; LANES]>> Few<'_, S> {
    /// Rows, of which the last stands for those that `M` is more, with `P` panels.
    #[inline(always)]
    fn multiply<V: Lanes, const M: usize, const P: usize>(
        &self,
        steps: &Range<usize>,
        length: usize,
    ) {
        let Self { product, compact, panel } = *self;
        let last = product.size[0] - 1;
        let x: [&[S::Input]; M] = std::array::from_fn(|m| {
            &product.x[m.min(last) * length + steps.start..][..steps.len()]
        });
        let (from, exponents) = compact.group::<P>(panel);
        let from = &from[steps.clone()];
        let mut exceptions: [_; P] =
            std::array::from_fn(|p| compact.exceptions(panel + p, steps.start));
        let mut unpacked = [[[0u32; LANES]; CHUNK]; P];
        let mut sums = [[V::splat(0.0); P]; M];
        for (chunk, from) in from.chunks(CHUNK).enumerate() {
            let first = chunk * CHUNK;
            for (step, from) in from.iter().enumerate() {
                for p in 0..P {
                    V::unpack(&from[p], &exponents[p], &mut unpacked[p][step]);
                }
            }
            for p in 0..P {
                exceptions[p].correct(steps.start + first, &mut unpacked[p]);
            }
            for step in 0..from.len() {
                let weights = std::array::from_fn(|p| &unpacked[p][step]);
                S::add(&mut sums, weights, std::array::from_fn(|m| x[m][first + step]));
            }
        }
        let add = product.add || steps.start > 0;
        for (row, sums) in sums.into_iter().enumerate().take(last + 1) {
            for (p, sums) in sums.into_iter().enumerate() {
                put(product, (row, panel + p), sums, add);
            }
        }
    }
}
