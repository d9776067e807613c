//! The result of attention.

use std::ops::Range;

use crate::LANES;
use crate::elementary::exp;
use crate::lanes::Lanes;
use crate::level::{Kernel, Level};
use crate::softcap::capped;

use super::format::Multiplied;
use super::pack::{Matrix, Panels, Rows};
use super::product::{Part, add_product};
use super::tile::{KEYS, Tile, widen};
use super::{AttentionForward, AttentionShape};

pub(in crate::training) fn forward<T: Multiplied>(
    level: Level,
    attention: AttentionForward<'_, T>,
) {
    let AttentionForward { shape, q, k, v, out, log_sums } = attention;
    let (dim, width) = (shape.head_dim, shape.padded_dim());
    let mut wide = Vec::new();
    let (mut keys, mut values) = (Panels::<T>::new(), Panels::<T>::new());
    widen(k, 0..shape.length, dim, &mut wide);
    keys.fill_transposed(level, Matrix::new(&wide, width));
    widen(v, 0..shape.length, dim, &mut wide);
    values.fill(level, Matrix::new(&wide, width));
    let (mut queries, mut weights) = (Rows::<T>::new(), Rows::<T>::new());
    let (mut scores, mut sums) = (Vec::new(), Sums::default());
    for tile in shape.tiles() {
        widen(q, tile.positions.clone(), dim, &mut wide);
        queries.fill(level, Matrix::new(&wide, width));
        sums.reset(tile.padded_rows(), width);
        for seen in shape.key_tiles(&tile) {
            scores.clear();
            scores.resize(tile.padded_rows() * KEYS, 0.0);
            let part = Part {
                panels: &keys,
                which: seen.start / LANES..seen.end / LANES,
                steps: 0..keys.steps,
            };
            add_product(level, (&queries, tile.rows()), &part, (&mut scores, KEYS));
            let (shape, keys) = (&shape, seen.clone());
            level.run(Weigh { shape, tile: &tile, keys, scores: &mut scores, sums: &mut sums });
            weights.fill(level, Matrix::new(&scores, KEYS));
            let part = Part {
                panels: &values,
                which: 0..width / LANES,
                steps: seen.start / T::STEP..seen.end / T::STEP,
            };
            add_product(level, (&weights, tile.rows()), &part, (&mut sums.mixed, width));
        }
        let rows = tile.all_rows();
        sums.finish(dim, &mut out[rows.start * dim..rows.end * dim], &mut log_sums[rows]);
    }
}

/// The running sums of a tile's rows of queries.
#[derive(Default)]
struct Sums {
    /// The largest score so far.
    most: Vec<f32>,
    /// The sum of the weights relative to it.
    weight: Vec<f32>,
    /// The sum of the weighted values, `[rows, width]`.
    mixed: Vec<f32>,
}

impl Sums {
    fn reset(&mut self, rows: usize, width: usize) {
        for (sums, length, value) in [
            (&mut self.most, rows, f32::NEG_INFINITY),
            (&mut self.weight, rows, 0.0),
            (&mut self.mixed, rows * width, 0.0),
        ] {
            sums.clear();
            sums.resize(length, value);
        }
    }

    fn finish<T: Multiplied>(&self, dim: usize, out: &mut [T], log_sums: &mut [f32]) {
        let width = self.mixed.len() / self.most.len();
        let rows = out.chunks_exact_mut(dim).zip(self.mixed.chunks_exact(width));
        for ((out, mixed), weight) in rows.zip(&self.weight) {
            let inverse = 1.0 / weight;
            for (out, mixed) in out.iter_mut().zip(mixed) {
                *out = T::from_f32(mixed * inverse);
            }
        }
        for (log_sum, (most, weight)) in log_sums.iter_mut().zip(self.most.iter().zip(&self.weight))
        {
            *log_sum = most + weight.ln();
        }
    }
}

/// Turns the scores of a tile into weights relative to the largest score so far.
struct Weigh<'a> {
    shape: &'a AttentionShape,
    tile: &'a Tile,
    keys: Range<usize>,
    scores: &'a mut [f32],
    sums: &'a mut Sums,
}

impl Kernel for Weigh<'_> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        let Self { shape, tile, keys, scores, sums } = self;
        let width = sums.mixed.len() / sums.most.len();
        for (index, row) in tile.all_rows().enumerate() {
            let seen = shape.seen(row, &keys);
            let scores = &mut scores[index * KEYS..][..KEYS];
            scores[..seen.start].fill(0.0);
            scores[seen.end..].fill(0.0);
            let scores = &mut scores[seen];
            if scores.is_empty() {
                continue;
            }
            scale(scores, shape);
            let most = largest(scores);
            let before = sums.most[index];
            if most > before {
                let factor = exp(before - most);
                sums.most[index] = most;
                sums.weight[index] *= factor;
                for mixed in &mut sums.mixed[index * width..][..width] {
                    *mixed *= factor;
                }
            }
            sums.weight[index] += weigh(scores, sums.most[index]);
        }
    }
}

/// Products of queries and keys to scores.
#[inline(always)]
fn scale(products: &mut [f32], shape: &AttentionShape) {
    for product in &mut *products {
        *product *= shape.scale;
    }
    if let Some(cap) = shape.cap {
        capped(products, cap);
    }
}

#[inline(always)]
fn largest(scores: &[f32]) -> f32 {
    let (vectors, rest) = scores.as_chunks::<LANES>();
    let mut most = [f32::NEG_INFINITY; LANES];
    for vector in vectors {
        for lane in 0..LANES {
            most[lane] = if vector[lane] > most[lane] { vector[lane] } else { most[lane] };
        }
    }
    most.iter().chain(rest).fold(f32::NEG_INFINITY, |a, b| a.max(*b))
}

/// Scores to weights; returns their sum.
#[inline(always)]
fn weigh(scores: &mut [f32], most: f32) -> f32 {
    let (vectors, rest) = scores.as_chunks_mut::<LANES>();
    let mut sums = [0f32; LANES];
    for vector in vectors {
        for lane in 0..LANES {
            vector[lane] = exp(vector[lane] - most);
            sums[lane] += vector[lane];
        }
    }
    let mut sum = sums.iter().sum::<f32>();
    for score in rest {
        *score = exp(*score - most);
        sum += *score;
    }
    sum
}
