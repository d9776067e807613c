//! Root-mean-square normalisation of rows, and its derivative.

use super::values::{sum_of_products, sum_of_squares};
use crate::element::Element;
use crate::lanes::Lanes;
use crate::level::Kernel;

/// `out = x / rms(x) · weight` for rows of the weight's width.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "the operands of a kernel")]
pub struct NormRows<'a, T> {
    /// `[rows, E]`.
    pub x: &'a [T],
    /// `[E]`.
    pub weight: &'a [f32],
    /// Added to the mean square.
    pub epsilon: f32,
    /// `[rows, E]`.
    pub out: &'a mut [T],
}

/// The derivative of [`NormRows`].
///
/// With r = 1 / rms(x) and g = dout · weight: `dx += r (g - x r² mean(g x))`.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "the operands of a kernel")]
pub struct NormBackward<'a, T> {
    /// The input of the normalisation, `[rows, E]`.
    pub x: &'a [T],
    /// `[E]`.
    pub weight: &'a [f32],
    /// Added to the mean square.
    pub epsilon: f32,
    /// The gradient of the output, `[rows, E]`.
    pub dout: &'a [T],
    /// The gradient of the input, which is added to, `[rows, E]`.
    pub dx: &'a mut [T],
}

/// `1 / rms(x)`.
#[inline(always)]
pub(super) fn scale<T: Element>(x: &[T], epsilon: f32) -> f32 {
    1.0 / (sum_of_squares(x) / x.len() as f32 + epsilon).sqrt()
}

impl<T: Element> Kernel for NormRows<'_, T> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        let width = self.weight.len();
        for (x, out) in self.x.chunks_exact(width).zip(self.out.chunks_exact_mut(width)) {
            let scale = scale(x, self.epsilon);
            for ((out, x), weight) in out.iter_mut().zip(x).zip(self.weight) {
                *out = T::from_f32(x.to_f32() * scale * weight);
            }
        }
    }
}

impl<T: Element> Kernel for NormBackward<'_, T> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        let width = self.weight.len();
        let rows = self.x.chunks_exact(width).zip(self.dout.chunks_exact(width));
        for ((x, dout), dx) in rows.zip(self.dx.chunks_exact_mut(width)) {
            let scale = scale(x, self.epsilon);
            let along = along(x, dout, self.weight, scale);
            for (((dx, x), dout), weight) in dx.iter_mut().zip(x).zip(dout).zip(self.weight) {
                let gradient = scale * (dout.to_f32() * weight - x.to_f32() * along);
                *dx = T::from_f32(dx.to_f32() + gradient);
            }
        }
    }
}

/// How much of the gradient lies along `x`, which normalisation takes out: `r² mean(dout weight x)`.
#[inline(always)]
pub(super) fn along<T: Element>(x: &[T], dout: &[T], weight: &[f32], scale: f32) -> f32 {
    scale * scale * sum_of_products(x, dout, weight) / x.len() as f32
}
