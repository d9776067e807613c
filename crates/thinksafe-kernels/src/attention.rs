//! Attention of one query position over keys and values that lie in blocks of sixteen positions.
//!
//! A block holds, for one key-value head, sixteen keys transposed (`[D, 16]`, so that sixteen scores are one vector)
//! and then sixteen values (`[16, D]`).

use crate::LANES;
use crate::activation::exp;
use crate::element::Element;
use crate::level::{Kernel, Level};

/// Positions in a block.
pub const BLOCK: usize = LANES;

/// Values that a block takes for heads of `head_dim`.
pub const fn block_len(head_dim: usize) -> usize {
    2 * BLOCK * head_dim
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
    let width = value.len();
    for (place, value) in block[(BLOCK + at) * width..][..width].iter_mut().zip(value) {
        *place = C::from_f32(*value);
    }
}

/// Attention of the `G` query heads that share one key-value head, from one position.
#[derive(Debug)]
pub struct Attention<'a, C> {
    /// `[G, D]`.
    pub q: &'a [f32],
    /// D.
    pub head_dim: usize,
    /// What scores are multiplied by: usually `1 / sqrt(D)`.
    pub scale: f32,
    /// The blocks of the positions, in order.
    pub blocks: &'a [KvBlock<'a, C>],
    /// The positions attended to; a start above 0 is a sliding window.
    pub window: std::ops::Range<usize>,
    /// `[G, D]`: `softmax(q·kᵀ·scale)·v`.
    pub out: &'a mut [f32],
}

/// Runs one [`Attention`].
///
/// Each head's sums run over the positions in order, so the result does not depend on where the blocks lie or on
/// what else is computed.
///
/// # Panics
/// If no position is left, or the blocks do not cover the window.
pub fn attend<C: Element>(level: Level, mut attention: Attention<'_, C>) {
    assert!(!attention.window.is_empty(), "a position to attend to");
    assert_eq!(attention.q.len(), attention.out.len(), "as many results as queries");
    C::attend(level, &mut attention);
}

pub(crate) fn run<C: Element>(level: Level, attention: &mut Attention<'_, C>) {
    let &mut Attention { q, head_dim, scale, blocks, ref window, ref mut out } = attention;
    let stride = window.end.next_multiple_of(BLOCK);
    let mut scores = vec![f32::NEG_INFINITY; q.len() / head_dim * stride];
    let window = Window { head_dim, first: window.start, length: window.end, stride };
    let within = blocks[..stride / BLOCK].iter().enumerate().skip(window.first / BLOCK);
    for (index, block) in within.clone() {
        level.run(Score { q, scale, block, at: index * BLOCK, window, scores: &mut scores });
    }
    level.run(Softmax { window, scores: &mut scores });
    out.fill(0.0);
    for (index, block) in within {
        level.run(Sum { block, at: index * BLOCK, window, scores: &scores, out });
    }
}

#[derive(Clone, Copy)]
struct Window {
    head_dim: usize,
    first: usize,
    length: usize,
    /// Scores of one head.
    stride: usize,
}

/// Scores of one block for all query heads.
struct Score<'a, C> {
    q: &'a [f32],
    scale: f32,
    block: &'a [C],
    at: usize,
    window: Window,
    scores: &'a mut [f32],
}

impl<C: Element> Kernel for Score<'_, C> {
    #[inline(always)]
    fn run(self) {
        let Window { head_dim, first, length, stride } = self.window;
        let keys = &self.block.as_chunks::<LANES>().0[..head_dim];
        for (head, q) in self.q.chunks_exact(head_dim).enumerate() {
            let mut sums = [0f32; LANES];
            for (key, q) in keys.iter().zip(q) {
                for lane in 0..LANES {
                    sums[lane] = key[lane].to_f32().mul_add(*q, sums[lane]);
                }
            }
            let scores = &mut self.scores[head * stride + self.at..][..LANES];
            for lane in 0..LANES {
                if (first..length).contains(&(self.at + lane)) {
                    scores[lane] = sums[lane] * self.scale;
                }
            }
        }
    }
}

/// Turns scores into weights that sum to one.
struct Softmax<'a> {
    window: Window,
    scores: &'a mut [f32],
}

impl Kernel for Softmax<'_> {
    #[inline(always)]
    fn run(self) {
        let from = self.window.first / LANES * LANES;
        for scores in self.scores.chunks_exact_mut(self.window.stride) {
            let chunks = scores[from..].as_chunks_mut::<LANES>().0;
            let mut most = [f32::NEG_INFINITY; LANES];
            for chunk in chunks.iter() {
                for lane in 0..LANES {
                    most[lane] = most[lane].max(chunk[lane]);
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
    }
}

/// Adds one block's weighted values for all query heads.
struct Sum<'a, C> {
    block: &'a [C],
    at: usize,
    window: Window,
    scores: &'a [f32],
    out: &'a mut [f32],
}

impl<C: Element> Kernel for Sum<'_, C> {
    #[inline(always)]
    fn run(self) {
        let Window { head_dim, first, length, stride } = self.window;
        let values = &self.block[BLOCK * head_dim..];
        let lanes = first.saturating_sub(self.at)..(length - self.at).min(BLOCK);
        for (head, out) in self.out.chunks_exact_mut(head_dim).enumerate() {
            let weights = &self.scores[head * stride + self.at..][..BLOCK];
            for lane in lanes.clone() {
                let value = &values[lane * head_dim..][..head_dim];
                for (out, value) in out.iter_mut().zip(value) {
                    *out = value.to_f32().mul_add(weights[lane], *out);
                }
            }
        }
    }
}
