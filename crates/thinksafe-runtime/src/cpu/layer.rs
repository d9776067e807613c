//! One decoder layer of a step.

use thinksafe_kernels::{
    Activation, Arithmetic, Element, Inputs, Pool, RowsMut, add_rms_norm, gate, norm_and_rotate,
    rms_norm,
};

use crate::cpu::attention::{Tiles, keep};
use crate::cpu::decoder::Row;
use crate::cpu::linear::Linear;
use crate::cpu::store::HeadBlocks;

/// The weights of a layer.
#[derive(Debug)]
pub(crate) struct Layer {
    /// q, k and v side by side.
    pub(crate) qkv: Linear,
    pub(crate) o: Linear,
    /// gate and up side by side.
    pub(crate) gate_up: Linear,
    pub(crate) down: Linear,
    pub(crate) input_norm: Vec<f32>,
    pub(crate) inner_norm: Vec<f32>,
    pub(crate) after_attention: Option<Vec<f32>>,
    pub(crate) after_mlp: Option<Vec<f32>>,
    pub(crate) activation: Activation,
    pub(crate) q_norm: Option<Vec<f32>>,
    pub(crate) k_norm: Option<Vec<f32>>,
    pub(crate) window: Option<usize>,
}

/// Numbers of a model that every layer needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heads {
    pub(crate) heads: usize,
    pub(crate) kv_heads: usize,
    pub(crate) dim: usize,
    pub(crate) epsilon: f32,
    /// What scores are multiplied by.
    pub(crate) scale: f32,
    /// The soft cap of scores.
    pub(crate) score_cap: Option<f32>,
    /// What the results of blocks are multiplied by before they are added.
    pub(crate) residual: f32,
}

impl Heads {
    /// Width of q, k and v of one row.
    pub(crate) fn qkv_width(self) -> usize {
        (self.heads + 2 * self.kv_heads) * self.dim
    }

    /// Query heads that share a key-value head.
    pub(crate) fn group(self) -> usize {
        self.heads / self.kv_heads
    }
}

/// Memory of a step, reused by the next.
#[derive(Debug)]
pub(crate) struct Scratch {
    /// The residual stream `[R, E]`.
    pub(crate) x: Vec<f32>,
    /// The stream normalised for the next block.
    pub(crate) normed: Inputs,
    qkv: Vec<f32>,
    mixed: Vec<f32>,
    /// `mixed` as the output projection reads it.
    rounded: Inputs,
    pub(crate) delta: Vec<f32>,
    gate_up: Vec<f32>,
    gated: Inputs,
    /// The adapter of each row.
    pub(crate) adapters: Vec<Option<usize>>,
    pub(crate) tiles: Tiles,
}

impl Scratch {
    /// For products in some arithmetic.
    pub(crate) fn new(arithmetic: Arithmetic) -> Self {
        let inputs = || Inputs::new(arithmetic);
        Self {
            x: Vec::new(),
            normed: inputs(),
            qkv: Vec::new(),
            mixed: Vec::new(),
            rounded: inputs(),
            delta: Vec::new(),
            gate_up: Vec::new(),
            gated: inputs(),
            adapters: Vec::new(),
            tiles: Tiles::default(),
        }
    }

    /// Leaves only the rows whose logits are wanted.
    pub(crate) fn narrow(&mut self, rows: &[Row<'_>]) {
        for values in [&mut self.x, &mut self.qkv] {
            narrow(values, rows);
        }
        let mut wanted = rows.iter().map(|row| row.logits);
        self.adapters.retain(|_| wanted.next() == Some(true));
    }
}

/// Moves the rows of `[R, W]` whose logits are wanted to the front, and ends behind them.
fn narrow(values: &mut Vec<f32>, rows: &[Row<'_>]) {
    let width = values.len() / rows.len();
    let mut end = 0;
    for (index, _) in rows.iter().enumerate().filter(|(_, row)| row.logits) {
        values.copy_within(index * width..(index + 1) * width, end);
        end += width;
    }
    values.truncate(end);
}

impl Layer {
    /// Queries, keys and values of the rows in `normed`, of which the store keeps keys and values.
    pub(crate) fn keep<C: Element>(
        &self,
        (pool, heads): (&Pool, Heads),
        (rows, turns): (&[Row<'_>], &[f32]),
        store: &mut [HeadBlocks<C>],
        scratch: &mut Scratch,
    ) {
        let Scratch { normed, qkv, adapters, .. } = scratch;
        self.qkv.forward(pool, (normed.rows(), adapters), qkv);
        self.rotate(pool, heads, turns, qkv);
        keep((pool, heads), rows, qkv, store);
    }

    /// Adds the attention block to the stream and leaves what the feed-forward block reads in `normed`, then puts the
    /// feed-forward block's result into `delta`, for the next layer to add. The rows' queries are in `qkv`, what they
    /// attend to is in the store.
    pub(crate) fn forward<C: Element>(
        &self,
        (pool, heads): (&Pool, Heads),
        rows: &[Row<'_>],
        store: &[HeadBlocks<C>],
        scratch: &mut Scratch,
    ) {
        let Scratch { x, normed, qkv, mixed, rounded, delta, gate_up, gated, .. } = scratch;
        let (count, adapters) = (rows.len(), scratch.adapters.as_slice());
        scratch.tiles.attend((pool, heads), (rows, self.window), store, qkv, mixed);
        let attended = rounded.of(pool, mixed, self.o.weight.inputs());
        self.o.forward(pool, (attended, adapters), delta);
        normalise((pool, heads), self.after_attention.as_deref(), delta, mixed);
        let norm = (self.inner_norm.as_slice(), heads.epsilon);
        let out = normed.rows_mut(count, norm.0.len());
        add_rms_norm(pool, x, (delta, heads.residual), norm, out);
        self.gate_up.forward(pool, (normed.rows(), adapters), gate_up);
        let out = gated.rows_mut(count, self.down.weight.inputs());
        gate(pool, self.activation, (gate_up, count), out);
        self.down.forward(pool, (gated.rows(), adapters), delta);
        normalise((pool, heads), self.after_mlp.as_deref(), delta, mixed);
    }

    /// Normalises and rotates the query and key heads in place.
    fn rotate(&self, pool: &Pool, heads: Heads, turns: &[f32], qkv: &mut [f32]) {
        pool.for_each_chunk(qkv, heads.qkv_width(), &|row, qkv| {
            let turn = turns[row * heads.dim..][..heads.dim].split_at(heads.dim / 2);
            let rotated = qkv.chunks_exact_mut(heads.dim).take(heads.heads + heads.kv_heads);
            for (head, values) in rotated.enumerate() {
                let norm = if head < heads.heads { &self.q_norm } else { &self.k_norm };
                let norm = norm.as_deref().map(|weight| (weight, heads.epsilon));
                norm_and_rotate(pool.level(), values, norm, turn);
            }
        });
    }
}

/// Normalises a block's result, where the architecture does; `spare` is memory that is not needed.
fn normalise(
    (pool, heads): (&Pool, Heads),
    norm: Option<&[f32]>,
    delta: &mut Vec<f32>,
    spare: &mut Vec<f32>,
) {
    if let Some(weight) = norm {
        spare.resize(delta.len(), 0.0);
        rms_norm(pool, delta, (weight, heads.epsilon), RowsMut::F32(spare));
        std::mem::swap(delta, spare);
    }
}
