//! Per-head normalisation and rotary position embedding of rows, and their derivative.

use super::norm::scale;
use super::values::{sum_of_squares, total};
use crate::LANES;
use crate::element::Element;
use crate::lanes::Lanes;
use crate::level::Kernel;

/// The most values of a head.
pub const MOST: usize = 256;

/// What rotates rows of heads: the norm of a head, if there is one, and the angles of each row.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "the operands of a kernel")]
pub struct Rotation<'a> {
    /// Heads of a row.
    pub heads: usize,
    /// Values of a head: even, at most 256.
    pub dim: usize,
    /// The weight of the head norm (Qwen3's q/k norm), `[D]`; empty: heads are not normalised.
    pub weight: &'a [f32],
    /// Added to the mean square.
    pub epsilon: f32,
    /// `[rows, D/2]`.
    pub cos: &'a [f32],
    /// `[rows, D/2]`.
    pub sin: &'a [f32],
}

/// Normalises each head and rotates it by the angles of its row, in the layout of `transformers`' `rotate_half`:
/// element `i` pairs with `i + D/2`.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "the operands of a kernel")]
pub struct RotaryRows<'a, T> {
    /// Norm and angles.
    pub rotation: Rotation<'a>,
    /// `[rows, heads, D]`.
    pub x: &'a [T],
    /// `[rows, heads, D]`.
    pub out: &'a mut [T],
}

/// The derivative of [`RotaryRows`]: the gradient is rotated back, then taken through the normalisation.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "the operands of a kernel")]
pub struct RotaryBackward<'a, T> {
    /// Norm and angles.
    pub rotation: Rotation<'a>,
    /// The input, `[rows, heads, D]`.
    pub x: &'a [T],
    /// The gradient of the output, `[rows, heads, D]`.
    pub dout: &'a [T],
    /// The gradient of the input, `[rows, heads, D]`.
    pub dx: &'a mut [T],
}

impl<T: Element> Kernel for RotaryRows<'_, T> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        let Rotation { heads, dim, weight, epsilon, cos, sin } = self.rotation;
        let mut buffer = [0f32; MOST];
        let head = &mut buffer[..dim];
        let angles = cos.chunks_exact(dim / 2).zip(sin.chunks_exact(dim / 2));
        let rows = self.x.chunks_exact(heads * dim).zip(self.out.chunks_exact_mut(heads * dim));
        for ((x, out), (cos, sin)) in rows.zip(angles) {
            for (x, out) in x.chunks_exact(dim).zip(out.chunks_exact_mut(dim)) {
                normalised(x, weight, epsilon, head);
                let (low, high) = head.split_at(dim / 2);
                let (out_low, out_high) = out.split_at_mut(dim / 2);
                let halves = low.iter().zip(high).zip(cos.iter().zip(sin));
                let outs = out_low.iter_mut().zip(out_high);
                for (((low, high), (cos, sin)), (out_low, out_high)) in halves.zip(outs) {
                    *out_low = T::from_f32(low * cos - high * sin);
                    *out_high = T::from_f32(high * cos + low * sin);
                }
            }
        }
    }
}

impl<T: Element> Kernel for RotaryBackward<'_, T> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        let Rotation { heads, dim, weight, epsilon, cos, sin } = self.rotation;
        let mut buffer = [0f32; MOST];
        let head = &mut buffer[..dim];
        let angles = cos.chunks_exact(dim / 2).zip(sin.chunks_exact(dim / 2));
        let width = heads * dim;
        let rows = self.x.chunks_exact(width).zip(self.dout.chunks_exact(width));
        let rows = rows.zip(self.dx.chunks_exact_mut(width));
        for (((x, dout), dx), (cos, sin)) in rows.zip(angles) {
            let each =
                x.chunks_exact(dim).zip(dout.chunks_exact(dim)).zip(dx.chunks_exact_mut(dim));
            for ((x, dout), dx) in each {
                rotated_back(dout, cos, sin, head);
                through_norm(x, weight, epsilon, head);
                for (dx, value) in dx.iter_mut().zip(head.iter()) {
                    *dx = T::from_f32(*value);
                }
            }
        }
    }
}

/// A head as f32, normalised if there is a weight.
#[inline(always)]
fn normalised<T: Element>(x: &[T], weight: &[f32], epsilon: f32, head: &mut [f32]) {
    for (head, x) in head.iter_mut().zip(x) {
        *head = x.to_f32();
    }
    if !weight.is_empty() {
        let scale = scale(x, epsilon);
        for (head, weight) in head.iter_mut().zip(weight) {
            *head *= scale * weight;
        }
    }
}

/// The gradient before the rotation.
#[inline(always)]
fn rotated_back<T: Element>(dout: &[T], cos: &[f32], sin: &[f32], head: &mut [f32]) {
    let (dout_low, dout_high) = dout.split_at(cos.len());
    let (low, high) = head.split_at_mut(cos.len());
    let outs = dout_low.iter().zip(dout_high).zip(cos.iter().zip(sin));
    for (((dout_low, dout_high), (cos, sin)), (low, high)) in outs.zip(low.iter_mut().zip(high)) {
        let (dout_low, dout_high) = (dout_low.to_f32(), dout_high.to_f32());
        *low = dout_low * cos + dout_high * sin;
        *high = dout_high * cos - dout_low * sin;
    }
}

/// The gradient before the normalisation, in place.
#[inline(always)]
fn through_norm<T: Element>(x: &[T], weight: &[f32], epsilon: f32, head: &mut [f32]) {
    if weight.is_empty() {
        return;
    }
    for (head, weight) in head.iter_mut().zip(weight) {
        *head *= weight;
    }
    let scale = 1.0 / (sum_of_squares(x) / x.len() as f32 + epsilon).sqrt();
    let along = scale * scale * dot(x, head) / x.len() as f32;
    for (head, x) in head.iter_mut().zip(x) {
        *head = scale * (*head - x.to_f32() * along);
    }
}

/// `Σ a b`, in sixteen partial sums.
#[inline(always)]
fn dot<T: Element>(a: &[T], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut sums = [0f32; LANES];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] = a[lane].to_f32().mul_add(b[lane], sums[lane]);
        }
    }
    total(&sums) + a_rest.iter().zip(b_rest).map(|(a, b)| a.to_f32() * b).sum::<f32>()
}
