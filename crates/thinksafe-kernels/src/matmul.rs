//! The product of rows with a packed matrix.

mod few;
mod gated;
mod panels;
mod pieces;
mod tile;

use few::FEW;
use gated::GatedProduct;
use panels::Source;
use pieces::multiply;
use tile::Product;

use crate::LANES;
use crate::activation::{Activation, gate};
#[cfg(target_arch = "x86_64")]
use crate::amx;
use crate::inputs::{Rows, RowsMut, SharedRows};
#[cfg(target_arch = "x86_64")]
use crate::level::Level;
use crate::pack::{GROUP, PackedMatrix, Panels};
use crate::pool::{Pool, SharedSlice};
use crate::step::{BothBf16, BothF32, InputF32, Step};

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
    #[cfg(target_arch = "x86_64")]
    if let Some(panels) = tiled(pool, weights) {
        let (panels, to) = ((panels, outputs), (out, add));
        return match x {
            Rows::F32(x) => amx::multiply::<amx::InputF32>(pool, (x, inputs), panels, to),
            Rows::Bf16(x) => amx::multiply::<amx::Bf16>(pool, (x, inputs), panels, to),
        };
    }
    in_steps(weights, (x, rows), Multiply { pool, size: [rows, outputs], out, add });
}

/// The panels of a matrix, if its products are made in the machine's tiles.
#[cfg(target_arch = "x86_64")]
fn tiled<'a>(pool: &Pool, weights: &'a PackedMatrix) -> Option<&'a [[u32; LANES]]> {
    let tiles = pool.level() == Level::Amx && amx::divides(weights.inputs());
    match weights.panels() {
        Panels::Bf16(panels) if tiles => Some(panels),
        _ => None,
    }
}

/// Something to compute from panels and inputs, whatever their formats.
trait Computation {
    fn run<S: Step>(self, source: &(impl Source<S::Weights> + ?Sized), x: &[S::Input]);
}

/// Runs a computation in the formats of a matrix and of rows.
fn in_steps(weights: &PackedMatrix, (x, rows): (Rows<'_>, usize), computation: impl Computation) {
    let inputs = weights.inputs();
    match (weights.panels(), x) {
        (Panels::F32(panels), Rows::F32(x)) => computation.run::<BothF32>(panels.as_slice(), x),
        (Panels::F32(panels), Rows::Bf16(_)) => {
            computation.run::<BothF32>(panels.as_slice(), &widened(x, [rows, inputs]));
        }
        (Panels::Bf16(panels), Rows::F32(x)) => {
            computation.run::<InputF32>(panels.as_slice(), &pairs(x, inputs));
        }
        (Panels::Bf16(panels), Rows::Bf16(x)) => {
            computation.run::<BothBf16>(panels.as_slice(), x);
        }
        (Panels::Compact(compact), Rows::F32(x)) => {
            computation.run::<InputF32>(compact, &pairs(x, inputs));
        }
        (Panels::Compact(compact), Rows::Bf16(x)) => computation.run::<BothBf16>(compact, x),
    }
}

struct Multiply<'a> {
    pool: &'a Pool,
    size: [usize; 2],
    out: &'a SharedSlice<'a, f32>,
    add: bool,
}

impl Computation for Multiply<'_> {
    fn run<S: Step>(self, source: &(impl Source<S::Weights> + ?Sized), x: &[S::Input]) {
        let Self { pool, size, out, add } = self;
        multiply::<S>(pool, source, &Product { weights: &[], first: 0, x, size, out, add });
    }
}

/// `out = activation(x · gateᵀ) · (x · upᵀ)` for `x` of `[M, K]`, `out` of `[M, F]` and a matrix of `2F` outputs, the gate's first:
/// the same bits as [`matmul`] into `memory` and then [`gate`]. Where gate and up are put together piece by piece, `memory` stays as
/// it is.
///
/// # Panics
/// If the matrix has an odd number of outputs, or `x` or `out` not `rows` rows of its width.
pub fn gated_matmul(
    pool: &Pool,
    activation: Activation,
    weights: &PackedMatrix,
    (x, rows): (Rows<'_>, usize),
    memory: &mut Vec<f32>,
    out: RowsMut<'_>,
) {
    let outputs = weights.outputs();
    assert!(outputs.is_multiple_of(2), "as many outputs of gate as of up");
    let size = [rows, outputs / 2];
    if goes_by_pieces(pool, weights, size) {
        x.check(rows, weights.inputs());
        out.check(rows, size[1]);
        let out = &SharedRows::new(out);
        in_steps(weights, (x, rows), GateAndUp { pool, activation, size, out });
    } else if rows > 0 {
        memory.resize((rows * outputs).max(memory.len()), 0.0);
        let gate_up = &mut memory[..rows * outputs];
        matmul(pool, weights, (x, rows), gate_up);
        gate(pool, activation, (gate_up, rows), out);
    }
}

/// Whether gate and up are put together piece by piece: where rows are many and both are whole groups of panels.
fn goes_by_pieces(pool: &Pool, weights: &PackedMatrix, [rows, width]: [usize; 2]) -> bool {
    #[cfg(target_arch = "x86_64")]
    if tiled(pool, weights).is_some() {
        return false;
    }
    rows > FEW && weights.inputs() > 0 && width.is_multiple_of(GROUP * LANES)
}

struct GateAndUp<'a> {
    pool: &'a Pool,
    activation: Activation,
    size: [usize; 2],
    out: &'a SharedRows<'a>,
}

impl Computation for GateAndUp<'_> {
    fn run<S: Step>(self, source: &(impl Source<S::Weights> + ?Sized), x: &[S::Input]) {
        let Self { pool, activation, size, out } = self;
        GatedProduct::<S> { activation, x, size, out }.run(pool, source);
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
