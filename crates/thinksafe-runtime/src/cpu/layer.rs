//! One decoder layer of a step.

use thinksafe_kernels::{
    Activation, Arithmetic, Element, Inputs, Pool, RowsMut, add_rms_norm, gate, gated_matmul,
    norm_and_rotate, rms_norm,
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
    /// Queries, keys and values of the rows, then gate and up of them.
    wide: Vec<f32>,
    attended: Inputs,
    pub(crate) delta: Vec<f32>,
    gated: Inputs,
    /// What a block's result is normalised into, where it is.
    spare: Vec<f32>,
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
            wide: Vec::new(),
            attended: inputs(),
            delta: Vec::new(),
            gated: inputs(),
            spare: Vec::new(),
            adapters: Vec::new(),
            tiles: Tiles::default(),
        }
    }

    /// Leaves only the rows whose logits are wanted, of the stream and of queries, keys and values.
    pub(crate) fn narrow(&mut self, heads: Heads, rows: &[Row<'_>]) {
        let width = self.x.len() / rows.len();
        let left = narrow(&mut self.x, width, rows);
        self.x.truncate(left * width);
        narrow(&mut self.wide, heads.qkv_width(), rows);
        let mut wanted = rows.iter().map(|row| row.logits);
        self.adapters.retain(|_| wanted.next() == Some(true));
    }
}

/// Moves the rows of `[R, width]` whose logits are wanted to the front; returns how many they are.
fn narrow(values: &mut [f32], width: usize, rows: &[Row<'_>]) -> usize {
    let mut left = 0;
    for (index, _) in rows.iter().enumerate().filter(|(_, row)| row.logits) {
        values.copy_within(index * width..(index + 1) * width, left * width);
        left += 1;
    }
    left
}

/// The beginning of memory that serves several purposes.
fn beginning(memory: &mut Vec<f32>, length: usize) -> &mut [f32] {
    memory.resize(length.max(memory.len()), 0.0);
    &mut memory[..length]
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
        let Scratch { normed, wide, adapters, .. } = scratch;
        let qkv = beginning(wide, rows.len() * heads.qkv_width());
        self.qkv.forward(pool, (normed.rows(), adapters), qkv);
        self.rotate(pool, heads, turns, qkv);
        keep((pool, heads), rows, qkv, store);
    }

    /// Adds the attention block to the stream and leaves what the feed-forward block reads in `normed`, then puts the
    /// feed-forward block's result into `delta`, for the next layer to add. The rows' queries are in `wide`, what they
    /// attend to is in the store.
    pub(crate) fn forward<C: Element>(
        &self,
        (pool, heads): (&Pool, Heads),
        rows: &[Row<'_>],
        store: &[HeadBlocks<C>],
        scratch: &mut Scratch,
    ) {
        let Scratch { x, normed, wide, attended, delta, gated, spare, .. } = scratch;
        let (count, adapters) = (rows.len(), scratch.adapters.as_slice());
        delta.resize(x.len(), 0.0);
        let out = attended.rows_mut(count, self.o.weight.inputs());
        let qkv = &wide[..count * heads.qkv_width()];
        scratch.tiles.attend((pool, heads), (rows, self.window), store, qkv, out);
        self.o.forward(pool, (attended.rows(), adapters), delta);
        normalise((pool, heads), self.after_attention.as_deref(), delta, spare);
        let norm = (self.inner_norm.as_slice(), heads.epsilon);
        let out = normed.rows_mut(count, norm.0.len());
        add_rms_norm(pool, x, (delta, heads.residual), norm, out);
        let (activation, normed) = (self.activation, normed.rows());
        let out = gated.rows_mut(count, self.down.weight.inputs());
        if self.gate_up.is_plain(adapters) {
            gated_matmul(pool, activation, &self.gate_up.weight, (normed, count), wide, out);
        } else {
            let gate_up = beginning(wide, count * self.gate_up.weight.outputs());
            self.gate_up.forward(pool, (normed, adapters), gate_up);
            gate(pool, activation, (gate_up, count), out);
        }
        self.down.forward(pool, (gated.rows(), adapters), delta);
        normalise((pool, heads), self.after_mlp.as_deref(), delta, spare);
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
