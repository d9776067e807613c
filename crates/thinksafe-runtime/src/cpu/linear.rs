//! Projections of a step: a packed matrix, its bias, and the low-rank deltas of the adapters.

use thinksafe_kernels::{Element, PackedMatrix, Pool, matmul};

use crate::cpu::low_rank::Deltas;

/// One or more projections of the same input, side by side.
#[derive(Debug)]
pub(crate) struct Linear<W> {
    weight: PackedMatrix<W>,
    bias: Option<Vec<f32>>,
    deltas: Deltas,
}

impl<W: Element> Linear<W> {
    pub(crate) fn new(weight: PackedMatrix<W>, bias: Option<Vec<f32>>, deltas: Deltas) -> Self {
        Self { weight, bias, deltas }
    }

    /// `out = x · weightᵀ + bias (+ the delta of the row's adapter)`, for `x` of `[rows, in]`.
    pub(crate) fn forward(
        &self,
        pool: &Pool,
        x: &[f32],
        adapters: &[Option<usize>],
        out: &mut Vec<f32>,
    ) {
        let rows = adapters.len();
        out.resize(rows * self.weight.outputs(), 0.0);
        matmul(pool, &self.weight, x, rows, out);
        if let Some(bias) = &self.bias {
            for out in out.chunks_exact_mut(bias.len()) {
                for (out, bias) in out.iter_mut().zip(bias) {
                    *out += bias;
                }
            }
        }
        self.deltas.add_to(pool, x, adapters, out);
    }
}
