//! Attention of queries over keys and values that lie in blocks of sixteen positions.
//!
//! A block holds, for one key-value head, sixteen keys transposed (`[D, 16]`, so that sixteen scores are one vector)
//! and then sixteen values, each padded to whole vectors (`[16, P]`, `P` = `D` rounded up to sixteen).

mod store;
mod tile;

use std::cell::RefCell;
use std::ops::Range;

pub(crate) use store::Store;
use tile::Tile;

use crate::LANES;
use crate::element::{Element, Stored};
use crate::level::Level;

/// Positions in a block.
pub const BLOCK: usize = LANES;

/// Values that a block takes for heads of `head_dim`.
pub const fn block_len(head_dim: usize) -> usize {
    BLOCK * (head_dim + padded(head_dim))
}

/// `P`.
const fn padded(head_dim: usize) -> usize {
    head_dim.next_multiple_of(LANES)
}

/// One head's keys and values of sixteen positions, as [`store`] lays them out.
pub type KvBlock<'a, C> = &'a [C];

/// Writes a key and a value, `[D]` each, at position `at` (below 16) of a block, rounded to its format.
///
/// # Panics
/// If the block is not [`block_len`] long, `at` is not below 16, or key and value differ in length.
pub fn store<C: Element>(level: Level, block: &mut [C], at: usize, [key, value]: [&[f32]; 2]) {
    assert!(at < BLOCK && block.len() == block_len(key.len()), "a position of the block");
    assert_eq!(key.len(), value.len(), "a key and a value of one head");
    C::store(level, Store { block, at, key, value });
}

/// Attention of queries that read the same key-value head of one sequence: the query heads of a group, at one position
/// or at several.
#[derive(Debug)]
pub struct Attention<'a, C> {
    /// `Q` queries of `D` values.
    pub q: &'a [&'a [f32]],
    /// D.
    pub head_dim: usize,
    /// What scores are multiplied by: usually `1 / sqrt(D)`.
    pub scale: f32,
    /// What the scaled scores are softly capped at, if at all: see [`soft_cap`](crate::soft_cap).
    pub softcap: Option<f32>,
    /// The blocks of the sequence's positions, in order.
    pub blocks: &'a [KvBlock<'a, C>],
    /// The positions that each query attends to; a start above 0 is a sliding window.
    pub windows: &'a [Range<usize>],
    /// For each query the `D` values of `softmax(q·kᵀ·scale)·v`, the scores capped if they are to be.
    pub out: &'a mut [&'a mut [f32]],
}

/// Runs one [`Attention`].
///
/// Each query's sums run over the positions in order, so its result does not depend on where the blocks lie or on
/// what else is computed with it.
///
/// # Panics
/// If a query has no position to attend to, the blocks do not cover the windows, or the lengths do not fit.
pub fn attend<C: Element>(level: Level, attention: Attention<'_, C>) {
    let Attention { q, head_dim, blocks, windows, ref out, .. } = attention;
    assert!(windows.iter().all(|window| !window.is_empty()), "a position to attend to");
    assert!(
        q.len() == out.len() && q.len() == windows.len(),
        "a window and a result for each query"
    );
    let of_head = |length: usize| length == head_dim;
    assert!(q.iter().all(|q| of_head(q.len())), "queries of {head_dim}");
    assert!(out.iter().all(|out| of_head(out.len())), "results of {head_dim}");
    let end = windows.iter().map(|window| window.end).max().unwrap_or(0);
    assert!(end <= blocks.len() * BLOCK, "blocks for {end} positions");
    C::attend(level, attention);
}

thread_local! {
    /// Scores, then weights: `[blocks, Q, 16]`. Kept, since they are large and often needed.
    static SCORES: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// Queries that are computed together.
const TOGETHER: usize = 8;

pub(crate) fn run<C: Stored>(level: Level, attention: Attention<'_, C>) {
    let Attention { q, head_dim, scale, softcap, blocks, windows, out } = attention;
    SCORES.with_borrow_mut(|scores| {
        let mut from = 0;
        while from < windows.len() {
            let count = TOGETHER.min(windows.len() - from);
            let count = 1 << count.ilog2();
            let windows = &windows[from..from + count];
            level.run(Tile {
                q: &q[from..from + count],
                head_dim,
                scale,
                softcap,
                blocks,
                windows,
                positions: span(windows),
                scores: &mut *scores,
                out: &mut out[from..from + count],
            });
            from += count;
        }
    });
}

/// From the first to the last position that any of the windows holds.
fn span(windows: &[Range<usize>]) -> Range<usize> {
    let first = windows.iter().map(|window| window.start).min().unwrap_or(0);
    first..windows.iter().map(|window| window.end).max().unwrap_or(0)
}
