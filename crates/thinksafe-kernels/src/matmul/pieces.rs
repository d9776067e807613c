//! How a product is cut: a few panels of weights, which stay in the cache meanwhile, with some of the rows.

use std::cell::RefCell;
use std::ops::Range;

use super::few::{FEW, Few};
use super::tile::{Piece, Product};
use crate::LANES;
use crate::pack::{Compact, GROUP, Unpack};
use crate::pool::Pool;
use crate::step::Step;

/// Rows that a group of panels is multiplied with at a time: pieces small enough for threads to end together.
const ROWS: usize = 64;

/// Pieces of a product of this size: every group of panels with every block of rows.
fn count([rows, outputs]: [usize; 2]) -> usize {
    outputs.div_ceil(LANES).div_ceil(GROUP) * rows.div_ceil(ROWS)
}

/// The panels and rows of a piece.
fn piece([rows, outputs]: [usize; 2], piece: usize) -> [Range<usize>; 2] {
    let blocks = rows.div_ceil(ROWS);
    let (group, block) = (piece / blocks, piece % blocks);
    let panels = group * GROUP..((group + 1) * GROUP).min(outputs.div_ceil(LANES));
    [panels, block * ROWS..((block + 1) * ROWS).min(rows)]
}

/// A product with all panels of its matrix.
pub(super) fn multiply<S: Step>(pool: &Pool, product: &Product<'_, S>) {
    let level = pool.level();
    pool.split(count(product.size), &|pieces| {
        for index in pieces {
            let [panels, rows] = piece(product.size, index);
            level.run(Piece { product, panels, rows });
        }
    });
}

thread_local! {
    /// Weights that were unpacked; kept, since fresh memory costs more than unpacking.
    static UNPACKED: RefCell<Vec<[u32; LANES]>> = const { RefCell::new(Vec::new()) };
}

/// A product, of which no weights are given, with panels that are unpacked first, a group at a time: the same bits.
pub(super) fn unpack_and_multiply<S: Step<Weights = [u32; LANES]>>(
    pool: &Pool,
    compact: &Compact,
    product: &Product<'_, S>,
) {
    let (level, &Product { x, size, out, add, .. }) = (pool.level(), product);
    let length = x.len() / size[0];
    if size[0] <= FEW && level.has_fast_products() {
        return pool.split(count(size), &|groups| {
            for group in groups {
                level.run(Few { product, compact, panel: group * GROUP });
            }
        });
    }
    pool.split(count(size), &|pieces| {
        UNPACKED.with_borrow_mut(|buffer| {
            let mut unpacked = None;
            for index in pieces {
                let [panels, rows] = piece(size, index);
                let (first, needed) = (panels.start, panels.len() * length);
                buffer.resize(needed.max(buffer.len()), [0; LANES]);
                if unpacked != Some(first) {
                    unpacked = Some(first);
                    level.run(Unpack { compact, panel: first, to: &mut buffer[..needed] });
                }
                let product =
                    &Product::<S> { weights: &buffer[..needed], first, x, size, out, add };
                level.run(Piece { product, panels, rows });
            }
        });
    });
}
