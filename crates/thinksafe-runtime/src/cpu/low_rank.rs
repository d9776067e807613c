//! Low-rank deltas: what an adapter adds to projections of the same input.

use thinksafe_kernels::{PackedMatrix, Pool, matmul};

/// The adapter of a projection, in f32: `out += (x · aᵀ) · bᵀ`, the scaling folded into `b`.
#[derive(Debug)]
pub(crate) struct LowRank {
    /// Of all adapted projections, one below the other: `[sum of ranks, in]`.
    a: PackedMatrix<f32>,
    /// For each: where its outputs begin, and its `[out, rank]`.
    b: Vec<(usize, PackedMatrix<f32>)>,
}

impl LowRank {
    /// From row-major `a` of `[rank, in]` and `b` of `[out, rank]` of each adapted projection, with the place of its
    /// first output.
    pub(crate) fn new(inputs: usize, parts: &[(usize, Vec<f32>, Vec<f32>)]) -> Self {
        let stacked: Vec<f32> = parts.iter().flat_map(|(_, a, _)| a).copied().collect();
        let a = PackedMatrix::new(&stacked, stacked.len() / inputs, inputs);
        let pack = |(at, a, b): &(usize, Vec<f32>, Vec<f32>)| {
            let rank = a.len() / inputs;
            (*at, PackedMatrix::new(b, b.len() / rank, rank))
        };
        Self { a, b: parts.iter().map(pack).collect() }
    }

    /// Adds what the adapter makes of `x`, `[rows, in]`, to the projections' outputs.
    pub(crate) fn add_to(&self, pool: &Pool, x: &[f32], rows: usize, out: &mut [f32]) {
        let ranks = self.a.outputs();
        let mut reduced = vec![0f32; rows * ranks];
        matmul(pool, &self.a, x, rows, &mut reduced);
        let width = out.len() / rows;
        let mut from = 0;
        for (at, b) in &self.b {
            let rank = b.inputs();
            let part: Vec<f32> =
                reduced.chunks_exact(ranks).flat_map(|r| &r[from..from + rank]).copied().collect();
            let mut delta = vec![0f32; rows * b.outputs()];
            matmul(pool, b, &part, rows, &mut delta);
            for (out, delta) in out.chunks_exact_mut(width).zip(delta.chunks_exact(b.outputs())) {
                for (out, delta) in out[*at..].iter_mut().zip(delta) {
                    *out += delta;
                }
            }
            from += rank;
        }
    }
}
