//! Attention of queries over keys and values that lie in blocks of sixteen positions.
//!
//! A block holds, for one key-value head, sixteen keys transposed (`[D, 16]`, so that sixteen scores are one vector)
//! and then sixteen values, each padded to whole vectors (`[16, P]`, `P` = `D` rounded up to sixteen).

use std::cell::RefCell;
use std::ops::Range;

use crate::LANES;
use crate::element::{Element, Stored};
use crate::elementary::exp;
use crate::lanes::Lanes;
use crate::level::{Kernel, Level};
use crate::softcap::capped;

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

/// One head's keys and values of sixteen positions, as [`store_key`] and [`store_value`] lay them out.
pub type KvBlock<'a, C> = &'a [C];

/// Writes a key of `D` values at position `at` (below 16) of a block.
///
/// # Panics
/// If the block is not [`block_len`] long or `at` is not below 16.
pub fn store_key<C: Element>(block: &mut [C], at: usize, key: &[f32]) {
    assert!(at < BLOCK && block.len() == block_len(key.len()), "a position of the block");
    for (lanes, key) in block.chunks_exact_mut(BLOCK).zip(key) {
        lanes[at] = C::from_f32(*key);
    }
}

/// Writes a value of `D` values at position `at` (below 16) of a block.
///
/// # Panics
/// As [`store_key`].
pub fn store_value<C: Element>(block: &mut [C], at: usize, value: &[f32]) {
    assert!(at < BLOCK && block.len() == block_len(value.len()), "a position of the block");
    let from = BLOCK * value.len() + at * padded(value.len());
    for (place, value) in block[from..][..value.len()].iter_mut().zip(value) {
        *place = C::from_f32(*value);
    }
}

/// Attention of queries that read the same key-value head of one sequence: the query heads of a group, at one position
/// or at several.
#[derive(Debug)]
pub struct Attention<'a, C> {
    /// `[Q, D]`.
    pub q: &'a [f32],
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
    /// `[Q, D]`: `softmax(q·kᵀ·scale)·v`, the scores capped if they are to be.
    pub out: &'a mut [f32],
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
    assert!(q.len() == out.len() && q.len() == windows.len() * head_dim, "a result for each query");
    let end = windows.iter().map(|window| window.end).max().unwrap_or(0);
    assert!(end <= blocks.len() * BLOCK, "blocks for {end} positions");
    C::attend(level, attention);
}

thread_local! {
    /// Scores and padded results of one tile; kept, since they are large and often needed.
    static SCRATCH: RefCell<(Vec<f32>, Vec<f32>)> = const { RefCell::new((Vec::new(), Vec::new())) };
}

/// Queries that are computed together, and blocks whose scores are: eight sums at a time hide the latency of each.
const TOGETHER: usize = 8;

pub(crate) fn run<C: Stored>(level: Level, attention: Attention<'_, C>) {
    let Attention { q, head_dim, scale, softcap, blocks, windows, out } = attention;
    SCRATCH.with_borrow_mut(|(scores, sums)| {
        let mut from = 0;
        while from < windows.len() {
            let count = TOGETHER.min(windows.len() - from);
            let count = 1 << count.ilog2();
            let queries = from * head_dim..(from + count) * head_dim;
            let windows = &windows[from..from + count];
            let tile = Tile {
                q: &q[queries.clone()],
                head_dim,
                scale,
                softcap,
                blocks,
                windows,
                positions: span(windows),
                scores: &mut *scores,
                sums: &mut *sums,
                out: &mut out[queries],
            };
            level.run(tile);
            from += count;
        }
    });
}

/// From the first to the last position that any of the windows holds.
fn span(windows: &[Range<usize>]) -> Range<usize> {
    let first = windows.iter().map(|window| window.start).min().unwrap_or(0);
    first..windows.iter().map(|window| window.end).max().unwrap_or(0)
}

/// One, two, four or eight queries.
struct Tile<'a, C> {
    q: &'a [f32],
    head_dim: usize,
    scale: f32,
    softcap: Option<f32>,
    blocks: &'a [KvBlock<'a, C>],
    windows: &'a [Range<usize>],
    positions: Range<usize>,
    scores: &'a mut Vec<f32>,
    sums: &'a mut Vec<f32>,
    out: &'a mut [f32],
}

impl<C: Stored> Kernel for Tile<'_, C> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        match self.windows.len() {
            8 => self.attend::<V, 8, 1>(),
            4 => self.attend::<V, 4, 2>(),
            2 => self.attend::<V, 2, 4>(),
            _ => self.attend::<V, 1, 8>(),
        }
    }
}

impl<C: Stored> Tile<'_, C> {
    /// For `Q` queries, whose scores are computed `B` blocks at a time.
    #[inline(always)]
    fn attend<V: Lanes, const Q: usize, const B: usize>(self) {
        let Self { q, head_dim, scale, softcap, blocks, windows, positions, scores, sums, out } =
            self;
        let blocks_read = positions.start / BLOCK..positions.end.div_ceil(BLOCK);
        let first = blocks_read.start * BLOCK;
        let blocks = &blocks[blocks_read];
        let stride = blocks.len() * BLOCK;
        scores.resize((Q * stride).max(scores.len()), 0.0);
        let scores = &mut scores[..Q * stride];
        let q: [&[f32]; Q] = std::array::from_fn(|i| &q[i * head_dim..][..head_dim]);
        let mut at = 0;
        while at + B <= blocks.len() {
            score::<V, C, Q, B>(q, &blocks[at..], scale, at * BLOCK, scores);
            at += B;
        }
        while at < blocks.len() {
            score::<V, C, Q, 1>(q, &blocks[at..], scale, at * BLOCK, scores);
            at += 1;
        }
        for (scores, window) in scores.chunks_exact_mut(stride).zip(windows) {
            let window = window.start - first..window.end - first;
            if let Some(cap) = softcap {
                capped(&mut scores[window.clone()], cap);
            }
            softmax(scores, window);
        }
        let width = padded(head_dim);
        sums.resize((Q * width).max(sums.len()), 0.0);
        let sums = &mut sums[..Q * width];
        let positions = positions.start - first..positions.end - first;
        let mut lane = 0;
        while lane < width {
            // Sixteen sums at most, beside four values.
            lane += match width - lane {
                64.. if Q <= 4 => {
                    mix::<V, C, Q, 4>(blocks, &positions, scores, (lane, head_dim), sums)
                }
                32.. => mix::<V, C, Q, 2>(blocks, &positions, scores, (lane, head_dim), sums),
                _ => mix::<V, C, Q, 1>(blocks, &positions, scores, (lane, head_dim), sums),
            };
        }
        for (out, sums) in out.chunks_exact_mut(head_dim).zip(sums.chunks_exact(width)) {
            out.copy_from_slice(&sums[..head_dim]);
        }
    }
}

/// Scores of `B` blocks for `Q` queries, from position `at` of each query's scores on.
#[inline(always)]
fn score<V: Lanes, C: Stored, const Q: usize, const B: usize>(
    q: [&[f32]; Q],
    blocks: &[KvBlock<'_, C>],
    scale: f32,
    at: usize,
    scores: &mut [f32],
) {
    let head_dim = q[0].len();
    let keys: [&[[C; LANES]]; B] =
        std::array::from_fn(|b| &blocks[b].as_chunks::<LANES>().0[..head_dim]);
    let q: [&[f32]; Q] = std::array::from_fn(|i| &q[i][..head_dim]);
    let mut sums = [[V::splat(0.0); B]; Q];
    for d in 0..head_dim {
        let mut key = [V::splat(0.0); B];
        for b in 0..B {
            key[b] = C::lanes::<V>(&keys[b][d]);
        }
        for i in 0..Q {
            let q = V::splat(q[i][d]);
            for b in 0..B {
                sums[i][b] = key[b].mul_add(q, sums[i][b]);
            }
        }
    }
    let stride = scores.len() / Q;
    for i in 0..Q {
        for b in 0..B {
            let place = &mut scores[i * stride + at + b * BLOCK..][..BLOCK];
            if let Ok(place) = place.try_into() {
                sums[i][b].mul(V::splat(scale)).store(place);
            }
        }
    }
}

/// Turns the scores within the window into weights that sum to one, those outside into zeros.
#[inline(always)]
fn softmax(scores: &mut [f32], window: Range<usize>) {
    scores[..window.start].fill(f32::NEG_INFINITY);
    scores[window.end..].fill(f32::NEG_INFINITY);
    let from = window.start / LANES * LANES;
    let to = window.end.next_multiple_of(LANES);
    scores[..from].fill(0.0);
    scores[to..].fill(0.0);
    let chunks = scores[from..to].as_chunks_mut::<LANES>().0;
    let mut most = [f32::NEG_INFINITY; LANES];
    for chunk in chunks.iter() {
        for lane in 0..LANES {
            most[lane] = if chunk[lane] > most[lane] { chunk[lane] } else { most[lane] };
        }
    }
    let most = most.iter().fold(f32::NEG_INFINITY, |a, b| a.max(*b));
    let mut sums = [0f32; LANES];
    for chunk in chunks.iter_mut() {
        for lane in 0..LANES {
            // Positions outside the window have no score and must weigh nothing.
            let weight = exp(chunk[lane] - most);
            chunk[lane] = if chunk[lane] == f32::NEG_INFINITY { 0.0 } else { weight };
            sums[lane] += chunk[lane];
        }
    }
    let inverse = 1.0 / sums.iter().sum::<f32>();
    for chunk in chunks {
        for weight in chunk {
            *weight *= inverse;
        }
    }
}

/// The weighted sum of the values over all positions, `W` vectors of each value from `lane` on; returns how many lanes
/// that are.
#[inline(always)]
fn mix<V: Lanes, C: Stored, const Q: usize, const W: usize>(
    blocks: &[KvBlock<'_, C>],
    positions: &Range<usize>,
    weights: &[f32],
    (lane, head_dim): (usize, usize),
    out: &mut [f32],
) -> usize {
    let stride = weights.len() / Q;
    let width = padded(head_dim);
    let weights: [&[f32]; Q] = std::array::from_fn(|i| &weights[i * stride..][..stride]);
    let mut sums = [[V::splat(0.0); W]; Q];
    for (index, block) in blocks.iter().enumerate() {
        let from = positions.start.saturating_sub(index * BLOCK).min(BLOCK);
        let to = (positions.end - index * BLOCK).min(BLOCK);
        let values = &block[BLOCK * head_dim..][..BLOCK * width];
        for at in from..to {
            let value = values[at * width + lane..].as_chunks::<LANES>().0;
            let value = &value[..W];
            let mut lanes = [V::splat(0.0); W];
            for w in 0..W {
                lanes[w] = C::lanes::<V>(&value[w]);
            }
            for i in 0..Q {
                let weight = V::splat(weights[i][index * BLOCK + at]);
                for w in 0..W {
                    sums[i][w] = lanes[w].mul_add(weight, sums[i][w]);
                }
            }
        }
    }
    for i in 0..Q {
        let out = out[i * width + lane..].as_chunks_mut::<LANES>().0;
        for w in 0..W {
            sums[i][w].store(&mut out[w]);
        }
    }
    W * LANES
}
