//! Products with a weight that nothing changes.

use std::ops::Range;

use half::bf16;
use tch::{Kind, Tensor};
use thinksafe_kernels::{PackedMatrix, Rows, add_matmul, matmul};

use super::level;
use crate::host::{Values, pool, values};

/// A weight `[out, in]` of bf16 values, packed for products with f32 in both directions: four bytes a weight, or three where it is large.
///
/// Inputs and sums are f32, and no weight is rounded: products are those of the weight in f32, but for the order of sums.
#[derive(Debug)]
pub(crate) struct Frozen {
    forward: PackedMatrix,
    backward: PackedMatrix,
}

/// Whether this machine has products for [`Frozen`] that are no slower than libtorch's.
pub(crate) fn has_products() -> bool {
    level().has_fast_products()
}

/// Outputs that are packed at a time: memory as large as a matrix would stay with the process after it.
const PIECE: usize = 64;

/// The shorter side of a matrix that is kept compact.
const LARGE: usize = 1024;

impl Frozen {
    /// Packs the weights `[outputs, inputs]` of which `values` gives some, in memory order.
    pub(crate) fn new(
        [outputs, inputs]: [usize; 2],
        values: impl Fn(Range<usize>) -> Vec<bf16>,
    ) -> Self {
        let compact = outputs.min(inputs) >= LARGE;
        let zeros = if compact { PackedMatrix::zeros_apart } else { PackedMatrix::zeros };
        let (mut forward, mut backward) = (zeros(outputs, inputs), zeros(inputs, outputs));
        for from in (0..outputs).step_by(PIECE) {
            let rows = values(from * inputs..outputs.min(from + PIECE) * inputs);
            forward.fill_rows(from, &rows);
            backward.fill_columns(from, &rows);
        }
        if compact {
            [forward, backward] = [forward, backward].map(|matrix| matrix.compact(level()));
        }
        Self { forward, backward }
    }

    /// `x Wᵀ`: f32 `[N, in]` to `[N, out]`.
    pub(crate) fn product(&self, x: &Tensor) -> Tensor {
        multiplied(&self.forward, x, None)
    }

    /// `dy W`: f32 `[N, out]` to `[N, in]`, added to `dx` if that is given.
    pub(crate) fn product_back(&self, dy: &Tensor, dx: Option<Tensor>) -> Tensor {
        multiplied(&self.backward, dy, dx)
    }
}

/// `x` times the transpose of a matrix, in a new tensor or added to one.
fn multiplied(matrix: &PackedMatrix, x: &Tensor, onto: Option<Tensor>) -> Tensor {
    let (x, rows) = (x.contiguous(), x.size()[0]);
    let (pool, x) = (pool(level()), (Rows::F32(values::<f32>(&x)), rows as usize));
    let multiply = if onto.is_some() { add_matmul } else { matmul };
    let shape = [rows, matrix.outputs() as i64];
    let new = || Tensor::empty(shape, (Kind::Float, tch::Device::Cpu));
    let mut out = onto.map_or_else(new, |onto| onto.contiguous());
    let length = out.numel();
    multiply(&pool, matrix, x, Values::of(&mut out).part(0..length));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values in [-1.5, 1.5] that look random and are the same in every run, whatever else draws numbers.
    fn numbers(shape: [i64; 2], step: f64) -> Tensor {
        let places = Tensor::arange(shape[0] * shape[1], (Kind::Double, tch::Device::Cpu));
        ((places * step).sin() * 1.5).to_kind(Kind::Float).view(shape)
    }

    #[test]
    fn products_are_those_of_the_weight_in_f32() {
        let (rows, inputs, outputs) = (37, 70, 101);
        let weight = numbers([outputs, inputs], 12.9898).to_kind(Kind::BFloat16);
        let of_weight = |range: Range<usize>| values::<bf16>(&weight)[range].to_vec();
        let frozen = Frozen::new([outputs as usize, inputs as usize], of_weight);
        let weight = weight.to_kind(Kind::Double);
        let x = numbers([rows, inputs], 78.233);
        let dy = numbers([rows, outputs], 37.719);
        let near = |found: &Tensor, expected: Tensor| {
            let error = (found.to_kind(Kind::Double) - expected).abs().max().double_value(&[]);
            // The largest seen is 1.2e-6.
            assert!(error < 5e-6, "{error}");
        };
        near(&frozen.product(&x), x.to_kind(Kind::Double).mm(&weight.tr()));
        let back = dy.to_kind(Kind::Double).mm(&weight);
        near(&frozen.product_back(&dy, None), back.shallow_clone());
        let sum = back + x.to_kind(Kind::Double);
        near(&frozen.product_back(&dy, Some(x.copy())), sum);
    }
}
