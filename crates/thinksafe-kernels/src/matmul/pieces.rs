//! How a product is cut: a few panels of weights, which stay in the cache meanwhile, with some of the rows.

use std::cell::RefCell;
use std::ops::Range;

use super::panels::Source;
use super::tile::{Piece, Product};
use crate::LANES;
use crate::pack::GROUP;
use crate::pool::Pool;
use crate::step::Step;

/// Rows that a group of panels is multiplied with at a time: pieces small enough for threads to end together.
pub(super) const ROWS: usize = 64;

/// Groups of the panels of so many outputs.
pub(super) fn groups(outputs: usize) -> usize {
    outputs.div_ceil(LANES).div_ceil(GROUP)
}

/// The panels of a group.
pub(super) fn group(outputs: usize, number: usize) -> Range<usize> {
    number * GROUP..((number + 1) * GROUP).min(outputs.div_ceil(LANES))
}

/// Hands out every group of panels with every block of rows; blocks that a thread takes together are one range of rows.
pub(super) fn for_each_piece(
    pool: &Pool,
    [rows, outputs]: [usize; 2],
    work: &(impl Fn(Range<usize>, Range<usize>) + Sync),
) {
    let blocks = rows.div_ceil(ROWS);
    pool.split(groups(outputs) * blocks, &|pieces| {
        let mut from = pieces.start;
        while from < pieces.end {
            let number = from / blocks;
            let (first, to) = (number * blocks, pieces.end.min((number + 1) * blocks));
            let rows = (from - first) * ROWS..rows.min((to - first) * ROWS);
            work(group(outputs, number), rows);
            from = to;
        }
    });
}

thread_local! {
    /// Weights that were unpacked; kept, since fresh memory costs more than unpacking.
    static UNPACKED: RefCell<Vec<[u32; LANES]>> = const { RefCell::new(Vec::new()) };
}

/// A product, of which no weights are given, with the panels of a matrix.
pub(super) fn multiply<S: Step>(
    pool: &Pool,
    source: &(impl Source<S::Weights> + ?Sized),
    product: &Product<'_, S>,
) {
    if source.multiply_few(pool, product) {
        return;
    }
    let (level, &Product { x, size, out, add, .. }) = (pool.level(), product);
    let length = x.len() / size[0];
    for_each_piece(pool, size, &|panels, rows| {
        UNPACKED.with_borrow_mut(|memory| {
            let weights = source.group(level, panels.clone(), length, memory);
            let product = &Product::<S> { weights, first: panels.start, x, size, out, add };
            level.run(Piece { product, panels, rows });
        });
    });
}
