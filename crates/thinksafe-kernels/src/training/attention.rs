//! Causal attention within one sequence, and its derivative.
//!
//! Scores are computed some queries by some keys at a time and never stand whole in memory; the derivative computes them
//! again from the logarithms of their sums (Dao et al., FlashAttention, 2022). Operands are multiplied in their own
//! format and summed in f32; in bf16 the weights of a sum are rounded before they are multiplied, as libtorch does.

mod backward;
mod format;
mod forward;
mod pack;
mod product;
mod tile;

pub(super) use backward::backward;
pub(super) use forward::forward;

/// What attention is computed over: the query heads that share one key-value head of a sequence.
///
/// # Shapes
/// T: `length`, G: `group`, D: `head_dim`
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "the operands of a kernel")]
pub struct AttentionShape {
    /// Tokens of the sequence.
    pub length: usize,
    /// Query heads of the group.
    pub group: usize,
    /// Values of a head.
    pub head_dim: usize,
    /// What scores are multiplied by: usually `1 / sqrt(D)`.
    pub scale: f32,
    /// The soft cap of the scaled scores, if they have one: `cap · tanh(score / cap)` (Gemma 2).
    pub cap: Option<f32>,
    /// How many tokens a query sees, its own included; none: all before it.
    pub window: Option<usize>,
}

impl AttentionShape {
    /// The first key that the query at a position sees; the last is its own.
    fn first_seen(&self, position: usize) -> usize {
        self.window.map_or(0, |window| (position + 1).saturating_sub(window))
    }
}

/// The part of a matrix's rows that belongs to some heads.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "the operands of a kernel")]
pub struct HeadRows<'a, T> {
    /// From the first value of the first row on.
    pub values: &'a [T],
    /// Values from one row to the next.
    pub stride: usize,
    /// Values of a row.
    pub width: usize,
}

impl<'a, T> HeadRows<'a, T> {
    fn row(&self, index: usize) -> &'a [T] {
        &self.values[index * self.stride..][..self.width]
    }
}

/// `softmax(q·kᵀ·scale)·v` of one group of heads.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "the operands of a kernel")]
pub struct AttentionForward<'a, T> {
    /// What is computed.
    pub shape: AttentionShape,
    /// `[T, G * D]`.
    pub q: HeadRows<'a, T>,
    /// `[T, D]`.
    pub k: HeadRows<'a, T>,
    /// `[T, D]`.
    pub v: HeadRows<'a, T>,
    /// `[T, G * D]`: the result.
    pub out: &'a mut [T],
    /// `[T, G]`: the logarithms of the sums that weights were divided by.
    pub log_sums: &'a mut [f32],
}

/// The derivative of [`AttentionForward`].
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "the operands of a kernel")]
pub struct AttentionBackward<'a, T> {
    /// What was computed.
    pub shape: AttentionShape,
    /// `[T, G * D]`.
    pub q: HeadRows<'a, T>,
    /// `[T, D]`.
    pub k: HeadRows<'a, T>,
    /// `[T, D]`.
    pub v: HeadRows<'a, T>,
    /// `[T, G * D]`: the result.
    pub out: HeadRows<'a, T>,
    /// `[T, G]`.
    pub log_sums: &'a [f32],
    /// `[T, G * D]`: the gradient of the result.
    pub dout: HeadRows<'a, T>,
    /// `[T, G * D]`: the gradient of the queries.
    pub dq: &'a mut [T],
    /// `[T, D]`: that of the keys.
    pub dk: &'a mut [T],
    /// `[T, D]`: that of the values.
    pub dv: &'a mut [T],
}
