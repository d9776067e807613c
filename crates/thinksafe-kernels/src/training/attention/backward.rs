//! The derivative of attention.

use std::ops::Range;

use crate::LANES;
use crate::elementary::{exp, tanh};
use crate::lanes::Lanes;
use crate::level::{Kernel, Level};

use super::format::Multiplied;
use super::pack::{Matrix, Panels, Rows};
use super::product::{Part, add_product};
use super::tile::{KEYS, Tile, widen};
use super::{AttentionBackward, AttentionShape, HeadRows};

pub(in crate::training) fn backward<T: Multiplied>(
    level: Level,
    attention: AttentionBackward<'_, T>,
) {
    let AttentionBackward { shape, q, k, v, out, log_sums, dout, dq, dk, dv } = attention;
    let mut pass = Pass::<T>::new(level, shape, k, v);
    for tile in shape.tiles() {
        pass.enter(&tile, q, out, dout);
        let log_sums = &log_sums[tile.all_rows()];
        for keys in shape.key_tiles(&tile) {
            pass.add(&tile, &keys, log_sums);
        }
        let (rows, dim) = (tile.all_rows(), shape.head_dim);
        narrow(&pass.dq, shape.padded_dim(), dim, &mut dq[rows.start * dim..rows.end * dim]);
    }
    transpose(&pass.dk, shape, dk);
    transpose(&pass.dv, shape, dv);
}

/// The operands and sums of one group of heads.
struct Pass<T: Multiplied> {
    level: Level,
    shape: AttentionShape,
    /// The keys and values as columns of scores, and the keys as those of the queries' gradient.
    keys: Panels<T>,
    values: Panels<T>,
    keys_down: Panels<T>,
    /// `[D, T]`.
    dk: Vec<f32>,
    /// `[D, T]`.
    dv: Vec<f32>,
    /// Of the tile, `[rows, D]`.
    dq: Vec<f32>,
    queries: Rows<T>,
    queries_across: Rows<T>,
    douts: Rows<T>,
    douts_across: Rows<T>,
    /// The part of each score's gradient that all scores of a row share.
    shared: Vec<f32>,
    /// Of a tile of keys, `[rows, KEYS]`.
    weights: Vec<f32>,
    dscores: Vec<f32>,
    columns: Panels<T>,
    rows: Rows<T>,
    wide: Vec<f32>,
}

impl<T: Multiplied> Pass<T> {
    fn new(level: Level, shape: AttentionShape, k: HeadRows<'_, T>, v: HeadRows<'_, T>) -> Self {
        let (dim, width) = (shape.head_dim, shape.padded_dim());
        let mut wide = Vec::new();
        let [mut keys, mut values, mut keys_down] = [const { Panels::new() }; 3];
        widen(k, 0..shape.length, dim, &mut wide);
        keys.fill_transposed(level, Matrix::new(&wide, width));
        keys_down.fill(level, Matrix::new(&wide, width));
        widen(v, 0..shape.length, dim, &mut wide);
        values.fill_transposed(level, Matrix::new(&wide, width));
        let sums = vec![0.0; width * shape.padded_length()];
        let [queries, queries_across, douts, douts_across, rows] = [const { Rows::new() }; 5];
        Self {
            level,
            shape,
            keys,
            values,
            keys_down,
            dk: sums.clone(),
            dv: sums,
            dq: Vec::new(),
            queries,
            queries_across,
            douts,
            douts_across,
            shared: Vec::new(),
            weights: Vec::new(),
            dscores: Vec::new(),
            columns: Panels::new(),
            rows,
            wide,
        }
    }

    /// Packs the operands of a tile of queries.
    fn enter(
        &mut self,
        tile: &Tile,
        q: HeadRows<'_, T>,
        out: HeadRows<'_, T>,
        dout: HeadRows<'_, T>,
    ) {
        let Self { level, shape, wide, .. } = self;
        let (dim, width) = (shape.head_dim, shape.padded_dim());
        widen(q, tile.positions.clone(), dim, wide);
        self.queries.fill(*level, Matrix::new(wide, width));
        self.queries_across.fill_transposed(*level, Matrix::new(wide, width));
        widen(dout, tile.positions.clone(), dim, wide);
        self.douts.fill(*level, Matrix::new(wide, width));
        self.douts_across.fill_transposed(*level, Matrix::new(wide, width));
        let positions = tile.positions.clone();
        let outs = positions.flat_map(|position| out.row(position).chunks_exact(dim));
        let products = wide.chunks_exact(width).zip(outs).map(|(dout, out)| {
            dout.iter().zip(out).map(|(dout, out)| dout * out.to_f32()).sum::<f32>()
        });
        self.shared.clear();
        self.shared.extend(products);
        self.dq.clear();
        self.dq.resize(tile.padded_rows() * width, 0.0);
    }

    /// Adds what a tile of queries and a tile of keys give to all three gradients.
    fn add(&mut self, tile: &Tile, keys: &Range<usize>, log_sums: &[f32]) {
        let (level, width) = (self.level, self.shape.padded_dim());
        let which = keys.start / LANES..keys.end / LANES;
        for (rows, panels, scores) in [
            (&self.queries, &self.keys, &mut self.weights),
            (&self.douts, &self.values, &mut self.dscores),
        ] {
            scores.clear();
            scores.resize(tile.padded_rows() * KEYS, 0.0);
            let part = Part { panels, which: which.clone(), steps: 0..panels.steps };
            add_product(level, (rows, tile.rows()), &part, (scores, KEYS));
        }
        level.run(Differentiate {
            shape: &self.shape,
            tile,
            keys: keys.clone(),
            log_sums,
            shared: &self.shared,
            weights: &mut self.weights,
            dscores: &mut self.dscores,
        });
        let length = self.shape.padded_length();
        for (scores, rows, sums) in [
            (&self.weights, &self.douts_across, &mut self.dv),
            (&self.dscores, &self.queries_across, &mut self.dk),
        ] {
            self.columns.fill(level, Matrix::new(scores, KEYS));
            let which = 0..keys.len() / LANES;
            let part = Part { panels: &self.columns, which, steps: 0..self.columns.steps };
            add_product(level, (rows, width), &part, (&mut sums[keys.start..], length));
        }
        self.rows.fill(level, Matrix::new(&self.dscores, KEYS));
        let steps = keys.start / T::STEP..keys.end / T::STEP;
        let part = Part { panels: &self.keys_down, which: 0..width / LANES, steps };
        add_product(level, (&self.rows, tile.rows()), &part, (&mut self.dq, width));
    }
}

/// Turns scores into weights, and the gradients of weights into those of scores.
struct Differentiate<'a> {
    shape: &'a AttentionShape,
    tile: &'a Tile,
    keys: Range<usize>,
    log_sums: &'a [f32],
    shared: &'a [f32],
    weights: &'a mut [f32],
    dscores: &'a mut [f32],
}

impl Kernel for Differentiate<'_> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        let Self { shape, tile, keys, log_sums, shared, weights, dscores } = self;
        for (index, row) in tile.all_rows().enumerate() {
            let seen = shape.seen(row, &keys);
            let weights = &mut weights[index * KEYS..][..KEYS];
            let dscores = &mut dscores[index * KEYS..][..KEYS];
            for values in [&mut *weights, &mut *dscores] {
                values[..seen.start].fill(0.0);
                values[seen.end..].fill(0.0);
            }
            let (weights, dscores) = (&mut weights[seen.clone()], &mut dscores[seen]);
            differentiate(shape, (log_sums[index], shared[index]), weights, dscores);
        }
    }
}

/// One query's products with keys to its weights, and the gradients of the weights to those of the products.
#[inline(always)]
fn differentiate(
    shape: &AttentionShape,
    (log_sum, shared): (f32, f32),
    weights: &mut [f32],
    dscores: &mut [f32],
) {
    let scale = shape.scale;
    let pairs = weights.iter_mut().zip(dscores);
    let Some(cap) = shape.cap else {
        for (weight, dscore) in pairs {
            *weight = exp(weight.mul_add(scale, -log_sum));
            *dscore = *weight * (*dscore - shared) * scale;
        }
        return;
    };
    for (weight, dscore) in pairs {
        let tanh = tanh(*weight * scale / cap);
        *weight = exp(tanh.mul_add(cap, -log_sum));
        *dscore = *weight * (*dscore - shared) * (1.0 - tanh * tanh) * scale;
    }
}

/// The rows of `[rows, width]` without their padding.
fn narrow<T: Multiplied>(wide: &[f32], width: usize, dim: usize, out: &mut [T]) {
    for (out, wide) in out.chunks_exact_mut(dim).zip(wide.chunks_exact(width)) {
        for (out, wide) in out.iter_mut().zip(wide) {
            *out = T::from_f32(*wide);
        }
    }
}

/// `[D, T]` with padding to `[T, D]` without.
fn transpose<T: Multiplied>(sums: &[f32], shape: AttentionShape, out: &mut [T]) {
    let length = shape.padded_length();
    for (position, out) in out.chunks_exact_mut(shape.head_dim).enumerate() {
        for (dim, out) in out.iter_mut().enumerate() {
            *out = T::from_f32(sums[dim * length + position]);
        }
    }
}
