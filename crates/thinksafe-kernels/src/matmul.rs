//! The product of rows with a packed matrix.

mod few;
mod pieces;
mod tile;

use pieces::{multiply, unpack_and_multiply};
use tile::Product;

#[cfg(target_arch = "x86_64")]
use crate::amx;
use crate::inputs::Rows;
#[cfg(target_arch = "x86_64")]
use crate::level::Level;
use crate::pack::{PackedMatrix, Panels};
use crate::pool::{Pool, SharedSlice};
use crate::step::{BothBf16, BothF32, InputF32};

/// `out = x · weightsᵀ` for `x` of `[M, K]` and `out` of `[M, N]`, both row-major.
///
/// Inputs are multiplied in their own format; weights that are not stored as bf16 are multiplied in f32.
///
/// Each output is one sum over `k` in an order of its own by fused multiply-add, a long one in parts, for every `M`, at every level and on
/// every number of threads. Levels differ in two ways. Tiles ([`Level::Amx`], for weights of bf16 and `K` in whole 32s) add
/// even and odd inputs apart, 32 at a time, and inputs of f32 in three parts of eight bits, which is as exact. And where a
/// sum or a product comes below 1.2e-38, instructions for bf16 take it for zero; a part of an input comes there below 1e-33.
///
/// # Panics
/// If `x` or `out` has not `rows` rows of the matrix's width.
pub fn matmul(pool: &Pool, weights: &PackedMatrix, x: (Rows<'_>, usize), out: &mut [f32]) {
    run(pool, weights, x, (out, false));
}

/// `out += x · weightsᵀ`, otherwise as [`matmul`]: what was there is added to each sum, or in tiles each sum to it.
///
/// # Panics
/// As [`matmul`].
pub fn add_matmul(pool: &Pool, weights: &PackedMatrix, x: (Rows<'_>, usize), out: &mut [f32]) {
    run(pool, weights, x, (out, true));
}

/// The product, which takes the place of what is in `out` or, if it is to `add`, comes on top of it.
fn run(
    pool: &Pool,
    weights: &PackedMatrix,
    (x, rows): (Rows<'_>, usize),
    (out, add): (&mut [f32], bool),
) {
    let (inputs, outputs) = (weights.inputs(), weights.outputs());
    x.check(rows, inputs);
    assert_eq!(out.len(), rows * outputs, "out of [{rows}, {outputs}]");
    if rows == 0 || inputs == 0 {
        if !add {
            out.fill(0.0);
        }
        return;
    }
    let out = &SharedSlice::new(out);
    let (size, first) = ([rows, outputs], 0);
    match (weights.panels(), x) {
        #[cfg(target_arch = "x86_64")]
        (Panels::Bf16(panels), x) if pool.level() == Level::Amx && amx::divides(inputs) => {
            let panels = (panels.as_slice(), outputs);
            let to = (out, add);
            match x {
                Rows::F32(x) => amx::multiply::<amx::InputF32>(pool, (x, inputs), panels, to),
                Rows::Bf16(x) => amx::multiply::<amx::Bf16>(pool, (x, inputs), panels, to),
            }
        }
        (Panels::F32(weights), Rows::F32(x)) => {
            multiply::<BothF32>(pool, &Product { weights, first, x, size, out, add });
        }
        (Panels::F32(weights), Rows::Bf16(_)) => {
            let x = &widened(x, [rows, inputs]);
            multiply::<BothF32>(pool, &Product { weights, first, x, size, out, add });
        }
        (Panels::Bf16(weights), Rows::F32(x)) => {
            let x = &pairs(x, inputs);
            multiply::<InputF32>(pool, &Product { weights, first, x, size, out, add });
        }
        (Panels::Bf16(weights), Rows::Bf16(x)) => {
            multiply::<BothBf16>(pool, &Product { weights, first, x, size, out, add });
        }
        (Panels::Compact(compact), Rows::F32(x)) => {
            let x = &pairs(x, inputs);
            let product = Product::<InputF32> { weights: &[], first, x, size, out, add };
            unpack_and_multiply(pool, compact, &product);
        }
        (Panels::Compact(compact), Rows::Bf16(x)) => {
            let product = Product::<BothBf16> { weights: &[], first, x, size, out, add };
            unpack_and_multiply(pool, compact, &product);
        }
    }
}

/// Rows as f32.
fn widened(x: Rows<'_>, [rows, inputs]: [usize; 2]) -> Vec<f32> {
    let mut wide = vec![0f32; rows * inputs];
    for (index, row) in wide.chunks_exact_mut(inputs).enumerate() {
        x.row(index, row);
    }
    wide
}

/// Rows of inputs two by two; those of an odd width are copied with a zero behind each.
fn pairs(x: &[f32], inputs: usize) -> std::borrow::Cow<'_, [[f32; 2]]> {
    if inputs.is_multiple_of(2) {
        return x.as_chunks().0.into();
    }
    let rows = x.chunks_exact(inputs);
    rows.flat_map(|row| row.chunks(2).map(|pair| [pair[0], pair.get(1).copied().unwrap_or(0.0)]))
        .collect()
}
