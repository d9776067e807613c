//! Projections of a step: a packed matrix, its bias, and the low-rank deltas of the adapters.

use thinksafe_kernels::{PackedMatrix, Pool, Rows, matmul};

use crate::cpu::low_rank::Deltas;

/// One or more projections of the same input, side by side.
#[derive(Debug)]
pub(crate) struct Linear {
    pub(crate) weight: PackedMatrix,
    pub(crate) bias: Option<Vec<f32>>,
    pub(crate) deltas: Deltas,
}

impl Linear {
    /// Whether rows of these adapters are multiplied by the matrix, and no more.
    pub(crate) fn is_plain(&self, adapters: &[Option<usize>]) -> bool {
        self.bias.is_none() && adapters.iter().all(|adapter| !self.deltas.has(*adapter))
    }

    /// `out = x · weightᵀ + bias (+ the delta of the row's adapter)`, for `x` of `[rows, in]`.
    pub(crate) fn forward(
        &self,
        pool: &Pool,
        (x, adapters): (Rows<'_>, &[Option<usize>]),
        out: &mut [f32],
    ) {
        matmul(pool, &self.weight, (x, adapters.len()), out);
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
