//! Low-rank deltas: what adapters add to projections of the same input, with no merged copy of the weights.

use std::borrow::Cow;

use thinksafe_kernels::{PackedMatrix, Pool, Rows, matmul};

/// The adapters of a projection; a row of a step is computed with one of them or with none.
#[derive(Debug, Default)]
pub(crate) struct Deltas(Vec<Option<LowRank>>);

impl Deltas {
    /// By the number of the adapter; those that leave the projection alone are `None`.
    pub(crate) fn new(by_adapter: Vec<Option<LowRank>>) -> Self {
        Self(by_adapter)
    }

    /// Whether an adapter changes the projection.
    pub(crate) fn has(&self, adapter: Option<usize>) -> bool {
        adapter.is_some_and(|adapter| self.0.get(adapter).is_some_and(Option::is_some))
    }

    /// Adds to each row of `out` what the row's adapter makes of its `x`.
    pub(crate) fn add_to(
        &self,
        pool: &Pool,
        x: Rows<'_>,
        adapters: &[Option<usize>],
        out: &mut [f32],
    ) {
        let deltas = self.0.iter().enumerate();
        for (number, delta) in deltas.filter_map(|(number, delta)| Some((number, delta.as_ref()?)))
        {
            let rows = (0..adapters.len()).filter(|row| adapters[*row] == Some(number));
            let rows: Vec<usize> = rows.collect();
            if !rows.is_empty() {
                delta.add_to(pool, x, (&rows, adapters.len()), out);
            }
        }
    }
}

/// An adapter of a projection, in f32: `out += (x · aᵀ) · bᵀ`, the scaling folded into `b`.
#[derive(Debug)]
pub(crate) struct LowRank {
    /// Of all adapted projections, one below the other: `[sum of ranks, in]`.
    a: PackedMatrix,
    /// For each: where its outputs begin, and its `[out, rank]`.
    b: Vec<(usize, PackedMatrix)>,
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

    /// Adds what the adapter makes of some rows of `x` to the same rows of `out`, of `of` rows in all.
    fn add_to(&self, pool: &Pool, x: Rows<'_>, (rows, of): (&[usize], usize), out: &mut [f32]) {
        let (ranks, width) = (self.a.outputs(), out.len() / of);
        let x = gathered(x, (rows, of), self.a.inputs());
        let mut reduced = vec![0f32; rows.len() * ranks];
        matmul(pool, &self.a, (Rows::F32(&x), rows.len()), &mut reduced);
        let mut from = 0;
        for (at, b) in &self.b {
            let rank = b.inputs();
            let part: Vec<f32> =
                reduced.chunks_exact(ranks).flat_map(|r| &r[from..from + rank]).copied().collect();
            let mut delta = vec![0f32; rows.len() * b.outputs()];
            matmul(pool, b, (Rows::F32(&part), rows.len()), &mut delta);
            for (row, delta) in rows.iter().zip(delta.chunks_exact(b.outputs())) {
                for (out, delta) in out[row * width + at..].iter_mut().zip(delta) {
                    *out += delta;
                }
            }
            from += rank;
        }
    }
}

/// Some rows, of `of` in all, as f32.
fn gathered<'a>(x: Rows<'a>, (rows, of): (&[usize], usize), width: usize) -> Cow<'a, [f32]> {
    if let (Rows::F32(x), true) = (x, rows.len() == of) {
        return x.into();
    }
    let mut gathered = vec![0f32; rows.len() * width];
    for (row, out) in rows.iter().zip(gathered.chunks_exact_mut(width)) {
        x.row(*row, out);
    }
    gathered.into()
}
