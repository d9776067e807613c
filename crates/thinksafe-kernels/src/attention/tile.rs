//! A few queries against all their positions: scores, weights, the weighted sum of the values.

use std::ops::Range;

use super::{BLOCK, KvBlock, padded};
use crate::LANES;
use crate::element::Stored;
use crate::elementary::exp;
use crate::lanes::Lanes;
use crate::level::Kernel;
use crate::softcap::capped;

/// One, two, four or eight queries.
pub(super) struct Tile<'a, 'o, C> {
    /// `[Q, D]`.
    pub(super) q: &'a [&'a [f32]],
    pub(super) head_dim: usize,
    pub(super) scale: f32,
    pub(super) softcap: Option<f32>,
    pub(super) blocks: &'a [KvBlock<'a, C>],
    pub(super) windows: &'a [Range<usize>],
    /// What the windows span.
    pub(super) positions: Range<usize>,
    /// Memory for `[blocks, Q, 16]`, reused by the next tile.
    pub(super) scores: &'a mut Vec<f32>,
    /// `[Q, D]`.
    pub(super) out: &'a mut [&'o mut [f32]],
}

/// Scores or weights of `Q` queries for the positions of a block.
type BlockScores<const Q: usize> = [[f32; BLOCK]; Q];

impl<C: Stored> Kernel for Tile<'_, '_, C> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        // As many scores at a time as registers hold, and enough to hide the latency of each.
        match (self.windows.len(), V::WIDE) {
            (8, true) => self.attend::<V, 8, 2>(),
            (8, false) => self.attend::<V, 8, 1>(),
            (4, true) => self.attend::<V, 4, 4>(),
            (4, false) => self.attend::<V, 4, 2>(),
            (2, _) => self.attend::<V, 2, 4>(),
            _ => self.attend::<V, 1, 8>(),
        }
    }
}

impl<C: Stored> Tile<'_, '_, C> {
    /// For `Q` queries, whose scores are computed `B` blocks at a time.
    #[inline(always)]
    fn attend<V: Lanes, const Q: usize, const B: usize>(self) {
        let Self { q, head_dim, scale, softcap, blocks, windows, positions, scores, out } = self;
        let read = positions.start / BLOCK..positions.end.div_ceil(BLOCK);
        let first = read.start * BLOCK;
        let blocks = &blocks[read];
        let length = blocks.len() * Q * BLOCK;
        scores.resize(length.max(scores.len()), 0.0);
        let scores = scores[..length].as_chunks_mut().0.as_chunks_mut::<Q>().0;
        let whole = blocks.len() / B * B;
        for at in (0..whole).step_by(B) {
            score::<V, C, Q, B>(q, &blocks[at..], scale, &mut scores[at..]);
        }
        for at in whole..blocks.len() {
            score::<V, C, Q, 1>(q, &blocks[at..], scale, &mut scores[at..]);
        }
        let mut shares = [0f32; Q];
        for i in 0..Q {
            let window = windows[i].start - first..windows[i].end - first;
            shares[i] = weigh(scores, i, window, softcap);
        }
        let positions = positions.start - first..positions.end - first;
        let width = padded(head_dim);
        let mut lane = 0;
        while lane < width {
            let to = (lane, head_dim, shares);
            // Sixteen sums at most, beside four values.
            lane += match width - lane {
                64.. if Q <= 4 => mix::<V, C, Q, 4>(blocks, &positions, scores, to, out),
                32.. => mix::<V, C, Q, 2>(blocks, &positions, scores, to, out),
                _ => mix::<V, C, Q, 1>(blocks, &positions, scores, to, out),
            };
        }
    }
}

/// Scores of the first `B` blocks for `Q` queries.
#[inline(always)]
fn score<V: Lanes, C: Stored, const Q: usize, const B: usize>(
    q: &[&[f32]],
    blocks: &[KvBlock<'_, C>],
    scale: f32,
    scores: &mut [BlockScores<Q>],
) {
    let dim = q[0].len();
    let mut queries: [&[f32]; Q] = [&[]; Q];
    for i in 0..Q {
        queries[i] = &q[i][..dim];
    }
    let mut keys: [&[[C; LANES]]; B] = [&[]; B];
    for b in 0..B {
        keys[b] = &blocks[b].as_chunks().0[..dim];
    }
    let mut sums = [[V::splat(0.0); B]; Q];
    for d in 0..dim {
        let mut key = [V::splat(0.0); B];
        for b in 0..B {
            key[b] = C::lanes::<V>(&keys[b][d]);
        }
        for i in 0..Q {
            let q = V::splat(queries[i][d]);
            for b in 0..B {
                sums[i][b] = key[b].mul_add(q, sums[i][b]);
            }
        }
    }
    for b in 0..B {
        for i in 0..Q {
            sums[i][b].mul(V::splat(scale)).store(&mut scores[b][i]);
        }
    }
}

/// Turns the scores of query `i` within its window into weights, of which the largest is one, and those outside into
/// zeros; returns what each weight's share is multiplied by.
#[inline(always)]
fn weigh<const Q: usize>(
    scores: &mut [BlockScores<Q>],
    i: usize,
    window: Range<usize>,
    softcap: Option<f32>,
) -> f32 {
    let within = window.start / BLOCK..window.end.div_ceil(BLOCK);
    let (before, after) = (window.start - within.start * BLOCK, window.end % BLOCK);
    for scores in &mut scores[..within.start] {
        scores[i].fill(0.0);
    }
    for scores in &mut scores[within.end..] {
        scores[i].fill(0.0);
    }
    let scores = &mut scores[within];
    if let Some(cap) = softcap {
        for scores in &mut *scores {
            capped(&mut scores[i], cap);
        }
    }
    if let Some(first) = scores.first_mut() {
        first[i][..before].fill(f32::NEG_INFINITY);
    }
    if let (Some(last), 1..) = (scores.last_mut(), after) {
        last[i][after..].fill(f32::NEG_INFINITY);
    }
    let mut most = [f32::NEG_INFINITY; LANES];
    for scores in &*scores {
        for lane in 0..LANES {
            let score = scores[i][lane];
            most[lane] = if score > most[lane] { score } else { most[lane] };
        }
    }
    let most = most.iter().fold(f32::NEG_INFINITY, |a, b| a.max(*b));
    let mut sums = [0f32; LANES];
    for scores in scores {
        for lane in 0..LANES {
            let score = scores[i][lane];
            // Positions outside the window have no score and must weigh nothing.
            let weight = if score == f32::NEG_INFINITY { 0.0 } else { exp(score - most) };
            scores[i][lane] = weight;
            sums[lane] += weight;
        }
    }
    1.0 / sums.iter().sum::<f32>()
}

/// The weighted sum of the values over all positions, `W` vectors of each value from `lane` on; returns how many lanes
/// that are.
#[inline(always)]
fn mix<V: Lanes, C: Stored, const Q: usize, const W: usize>(
    blocks: &[KvBlock<'_, C>],
    positions: &Range<usize>,
    weights: &[BlockScores<Q>],
    (lane, head_dim, shares): (usize, usize, [f32; Q]),
    out: &mut [&mut [f32]],
) -> usize {
    let vectors = padded(head_dim) / LANES;
    let mut sums = [[V::splat(0.0); W]; Q];
    for (index, (block, weights)) in blocks.iter().zip(weights).enumerate() {
        let from = positions.start.saturating_sub(index * BLOCK).min(BLOCK);
        let to = (positions.end - index * BLOCK).min(BLOCK);
        let values = block[BLOCK * head_dim..].as_chunks::<LANES>().0;
        for at in from..to {
            let value = &values[at * vectors + lane / LANES..][..W];
            let mut lanes = [V::splat(0.0); W];
            for w in 0..W {
                lanes[w] = C::lanes::<V>(&value[w]);
            }
            for i in 0..Q {
                let weight = V::splat(weights[i][at]);
                for w in 0..W {
                    sums[i][w] = lanes[w].mul_add(weight, sums[i][w]);
                }
            }
        }
    }
    for (i, out) in out.iter_mut().enumerate().take(Q) {
        for (w, out) in out[lane..].chunks_mut(LANES).enumerate().take(W) {
            let mut mixed = [0f32; LANES];
            sums[i][w].mul(V::splat(shares[i])).store(&mut mixed);
            out.copy_from_slice(&mixed[..out.len()]);
        }
    }
    W * LANES
}
