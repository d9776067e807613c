//! One decoder layer of a step.

use thinksafe_kernels::{
    Attention, Element, Pool, add_rms_norm, attend, norm_and_rotate, store_key, store_value, swiglu,
};

use crate::cpu::decoder::Row;
use crate::cpu::linear::Linear;
use crate::cpu::store::{HeadBlocks, KvStore};
use crate::engine::TOKENS_PER_PAGE;

/// The weights of a layer.
#[derive(Debug)]
pub(crate) struct Layer<W> {
    /// q, k and v side by side.
    pub(crate) qkv: Linear<W>,
    pub(crate) o: Linear<W>,
    /// gate and up side by side.
    pub(crate) gate_up: Linear<W>,
    pub(crate) down: Linear<W>,
    pub(crate) input_norm: Vec<f32>,
    pub(crate) inner_norm: Vec<f32>,
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
}

impl Heads {
    /// Width of q, k and v of one row.
    fn qkv_width(&self) -> usize {
        (self.heads + 2 * self.kv_heads) * self.dim
    }

    fn group(&self) -> usize {
        self.heads / self.kv_heads
    }
}

/// Cosines and sines of the rows' positions, `[R, D / 2]` each.
#[derive(Debug, Default)]
pub(crate) struct Angles {
    pub(crate) cos: Vec<f32>,
    pub(crate) sin: Vec<f32>,
}

/// Memory of a step, reused by the next.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// The residual stream `[R, E]`.
    pub(crate) x: Vec<f32>,
    /// The stream normalised for the next block.
    pub(crate) normed: Vec<f32>,
    qkv: Vec<f32>,
    mixed: Vec<f32>,
    pub(crate) delta: Vec<f32>,
    gate_up: Vec<f32>,
    gated: Vec<f32>,
    /// The adapter of each row.
    pub(crate) adapters: Vec<Option<usize>>,
}

impl<W: Element> Layer<W> {
    /// Adds the attention block to the stream and leaves what the feed-forward block reads in `normed`, then puts the
    /// feed-forward block's result into `delta`, for the next layer to add.
    pub(crate) fn forward<C: Element>(
        &self,
        (pool, heads): (&Pool, Heads),
        rows: &[Row<'_>],
        angles: &Angles,
        (index, store): (usize, &mut KvStore<C>),
        scratch: &mut Scratch,
    ) {
        let count = rows.len();
        self.qkv.forward(pool, &scratch.normed, &scratch.adapters, &mut scratch.qkv);
        self.rotate(pool, heads, angles, &mut scratch.qkv);
        keep((pool, heads), rows, &scratch.qkv, store.layer_mut(index));
        self.attend((pool, heads), rows, store.layer(index), &scratch.qkv, &mut scratch.mixed);
        self.o.forward(pool, &scratch.mixed, &scratch.adapters, &mut scratch.delta);
        let norm = (self.inner_norm.as_slice(), heads.epsilon);
        add_rms_norm(pool, &mut scratch.x, &scratch.delta, norm, &mut scratch.normed);
        self.gate_up.forward(pool, &scratch.normed, &scratch.adapters, &mut scratch.gate_up);
        scratch.gated.resize(scratch.gate_up.len() / 2, 0.0);
        swiglu(pool, &scratch.gate_up, count, &mut scratch.gated);
        self.down.forward(pool, &scratch.gated, &scratch.adapters, &mut scratch.delta);
    }

    /// Normalises and rotates the query and key heads in place.
    fn rotate(&self, pool: &Pool, heads: Heads, angles: &Angles, qkv: &mut [f32]) {
        let half = heads.dim / 2;
        pool.for_each_chunk(qkv, heads.qkv_width(), &|row, qkv| {
            let turn = (&angles.cos[row * half..][..half], &angles.sin[row * half..][..half]);
            let rotated = qkv.chunks_exact_mut(heads.dim).take(heads.heads + heads.kv_heads);
            for (head, values) in rotated.enumerate() {
                let norm = if head < heads.heads { &self.q_norm } else { &self.k_norm };
                let norm = norm.as_deref().map(|weight| (weight, heads.epsilon));
                norm_and_rotate(pool.level(), values, norm, turn);
            }
        });
    }

    /// Attends from every row to the positions of its sequence up to its own, within the layer's window.
    fn attend<C: Element>(
        &self,
        (pool, heads): (&Pool, Heads),
        rows: &[Row<'_>],
        blocks: &[HeadBlocks<C>],
        qkv: &[f32],
        mixed: &mut Vec<f32>,
    ) {
        let (dim, group) = (heads.dim, heads.group() * heads.dim);
        let scale = 1.0 / (dim as f32).sqrt();
        mixed.resize(rows.len() * heads.heads * dim, 0.0);
        pool.for_each_chunk(mixed, group, &|index, out| {
            let (row, head) = (index / heads.kv_heads, index % heads.kv_heads);
            let q = &qkv[row * heads.qkv_width() + head * group..][..group];
            let row = &rows[row];
            let length = row.position + 1;
            let first = self.window.map_or(0, |window| length.saturating_sub(window));
            let blocks: Vec<&[C]> = row.pages.iter().map(|p| blocks[head].block(*p)).collect();
            let blocks = blocks.as_slice();
            let window = first..length;
            attend(pool.level(), Attention { q, head_dim: dim, scale, blocks, window, out });
        });
    }
}

/// Puts the rows' keys and values into their pages.
fn keep<C: Element>(
    (pool, heads): (&Pool, Heads),
    rows: &[Row<'_>],
    qkv: &[f32],
    blocks: &mut [HeadBlocks<C>],
) {
    let Heads { heads, kv_heads, dim, .. } = heads;
    let width = (heads + 2 * kv_heads) * dim;
    pool.for_each_chunk(blocks, 1, &|head, blocks| {
        for (row, qkv) in rows.iter().zip(qkv.chunks_exact(width)) {
            let at = row.position % TOKENS_PER_PAGE;
            let block = blocks[0].block_mut(row.pages[row.position / TOKENS_PER_PAGE]);
            store_key(block, at, &qkv[(heads + head) * dim..][..dim]);
            store_value(block, at, &qkv[(heads + kv_heads + head) * dim..][..dim]);
        }
    });
}
