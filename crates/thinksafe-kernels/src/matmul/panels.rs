//! Where the panels of a product come from: the matrix as it lies, or memory into which they are unpacked.

use std::ops::Range;

use super::few::{FEW, Few};
use super::pieces::{group, groups};
use super::tile::Product;
use crate::LANES;
use crate::level::Level;
use crate::pack::{Compact, Unpack};
use crate::pool::Pool;
use crate::step::Step;

/// The panels of a matrix, whose steps have weights `W`.
pub(super) trait Source<W>: Sync {
    /// A group of panels of `length` steps each, one behind the other, in `memory` if they do not lie so.
    fn group<'a>(
        &'a self,
        level: Level,
        panels: Range<usize>,
        length: usize,
        memory: &'a mut Vec<[u32; LANES]>,
    ) -> &'a [W];

    /// Computes a product, of which no weights are given, if there is a faster way for its few rows; returns whether there is.
    fn multiply_few<S: Step<Weights = W>>(&self, _: &Pool, _: &Product<'_, S>) -> bool {
        false
    }
}

impl<W: Sync> Source<W> for [W] {
    fn group<'a>(
        &'a self,
        _: Level,
        panels: Range<usize>,
        length: usize,
        _: &'a mut Vec<[u32; LANES]>,
    ) -> &'a [W] {
        &self[panels.start * length..panels.end * length]
    }
}

impl Source<[u32; LANES]> for Compact {
    fn group<'a>(
        &'a self,
        level: Level,
        panels: Range<usize>,
        length: usize,
        memory: &'a mut Vec<[u32; LANES]>,
    ) -> &'a [[u32; LANES]] {
        let needed = panels.len() * length;
        memory.resize(needed.max(memory.len()), [0; LANES]);
        let to = &mut memory[..needed];
        level.run(Unpack { compact: self, panel: panels.start, to });
        &memory[..needed]
    }

    fn multiply_few<S: Step<Weights = [u32; LANES]>>(
        &self,
        pool: &Pool,
        product: &Product<'_, S>,
    ) -> bool {
        let (level, [rows, outputs]) = (pool.level(), product.size);
        if rows > FEW || !level.has_fast_products() {
            return false;
        }
        pool.split(groups(outputs), &|numbers| {
            for number in numbers {
                level.run(Few { product, compact: self, panel: group(outputs, number).start });
            }
        });
        true
    }
}
