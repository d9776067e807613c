//! The product of rows with a packed matrix.

use std::cell::RefCell;
use std::ops::Range;

use crate::LANES;
#[cfg(target_arch = "x86_64")]
use crate::amx;
use crate::lanes::Lanes;
use crate::level::{Kernel, Level};
use crate::pack::{PackedMatrix, Panels};
use crate::pool::{Pool, SharedSlice};
use crate::round::round_row;
use crate::step::{BothBf16, BothF32, InputF32, Step};

/// In which format the inputs of a product are multiplied; sums are f32 in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the formats that the instructions know")]
pub enum Arithmetic {
    /// Inputs as they are.
    F32,
    /// Inputs rounded to bf16, as `transformers` has them between layers of a bf16 model. Matrices that are not stored
    /// as bf16 are multiplied in f32 all the same.
    Bf16,
}

/// `out = x · weightsᵀ` for `x` of `[M, K]` and `out` of `[M, N]`, both row-major.
///
/// Each output is one sum over `k` in an order of its own by fused multiply-add, a long one in parts, for every `M`, at every level and on
/// every number of threads. Levels differ in two ways. Tiles ([`Level::Amx`], for weights of bf16 and `K` in whole 32s) add
/// even and odd inputs apart, 32 at a time, and inputs of f32 in three parts of eight bits, which is as exact. And where a
/// sum or a product comes below 1.2e-38, instructions for bf16 take it for zero; a part of an input comes there below 1e-33.
///
/// # Panics
/// If `x` or `out` has not `rows` rows of the matrix's width.
pub fn matmul(
    pool: &Pool,
    weights: &PackedMatrix,
    x: (&[f32], usize),
    arithmetic: Arithmetic,
    out: &mut [f32],
) {
    run(pool, weights, x, arithmetic, (out, false));
}

/// `out += x · weightsᵀ`, otherwise as [`matmul`]: what was there is added to each sum, or in tiles each sum to it.
///
/// # Panics
/// As [`matmul`].
pub fn add_matmul(
    pool: &Pool,
    weights: &PackedMatrix,
    x: (&[f32], usize),
    arithmetic: Arithmetic,
    out: &mut [f32],
) {
    run(pool, weights, x, arithmetic, (out, true));
}

/// The product, which takes the place of what is in `out` or, if it is to `add`, comes on top of it.
fn run(
    pool: &Pool,
    weights: &PackedMatrix,
    (x, rows): (&[f32], usize),
    arithmetic: Arithmetic,
    (out, add): (&mut [f32], bool),
) {
    let inputs = weights.inputs();
    assert_eq!(x.len(), rows * inputs, "x of [{rows}, {inputs}]");
    assert_eq!(out.len(), rows * weights.outputs(), "out of [{rows}, {}]", weights.outputs());
    if rows == 0 || inputs == 0 {
        if !add {
            out.fill(0.0);
        }
        return;
    }
    let out = SharedSlice::new(out);
    let outputs = weights.outputs();
    #[cfg(target_arch = "x86_64")]
    if let (Panels::Bf16(panels), Level::Amx, true) =
        (weights.panels(), pool.level(), amx::divides(inputs))
    {
        let (x, panels) = ((x, inputs), (panels.as_slice(), outputs));
        return match arithmetic {
            Arithmetic::F32 => amx::multiply::<amx::InputF32>(pool, x, panels, (&out, add)),
            Arithmetic::Bf16 => amx::multiply::<amx::Bf16>(pool, x, panels, (&out, add)),
        };
    }
    match (weights.panels(), arithmetic) {
        (Panels::F32(panels), _) => {
            multiply::<BothF32>(pool, &Product { panels, x, rows, outputs, out: &out, add });
        }
        (Panels::Bf16(panels), Arithmetic::F32) => {
            let x = pairs(x, inputs);
            let x = x.as_ref();
            multiply::<InputF32>(pool, &Product { panels, x, rows, outputs, out: &out, add });
        }
        (Panels::Bf16(panels), Arithmetic::Bf16) => ROUNDED.with_borrow_mut(|pairs| {
            let x = rounded(pool, x, inputs, pairs);
            multiply::<BothBf16>(pool, &Product { panels, x, rows, outputs, out: &out, add });
        }),
    }
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

thread_local! {
    /// Rounded inputs; kept, since fresh memory costs more than the rounding.
    static ROUNDED: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
}

/// Rows of inputs as pairs of bf16.
fn rounded<'p>(pool: &Pool, x: &[f32], inputs: usize, pairs: &'p mut Vec<u32>) -> &'p [u32] {
    let width = inputs.div_ceil(2);
    let length = x.len() / inputs * width;
    pairs.resize(length.max(pairs.len()), 0);
    let pairs = &mut pairs[..length];
    let level = pool.level();
    pool.for_each_chunk(pairs, width, &|row, pairs| {
        round_row(level, &x[row * inputs..][..inputs], pairs);
    });
    pairs
}

/// A product whose operands are in the formats of a [`Step`].
struct Product<'a, S: Step> {
    /// `[ceil(N / 16), steps, 16]`.
    panels: &'a [S::Weights],
    /// `[M, steps]`.
    x: &'a [S::Input],
    rows: usize,
    outputs: usize,
    out: &'a SharedSlice<'a, f32>,
    add: bool,
}

/// Panels that are multiplied at a time on a machine with wide registers.
const GROUP: usize = 3;

/// Rows that a group of panels is multiplied with at a time: pieces small enough for threads to end together.
const ROWS: usize = 64;

fn multiply<S: Step>(pool: &Pool, product: &Product<'_, S>) {
    let level = pool.level();
    let panels = product.outputs.div_ceil(LANES);
    let blocks = product.rows.div_ceil(ROWS);
    pool.split(panels.div_ceil(GROUP) * blocks, &|pieces| {
        for piece in pieces {
            let (group, block) = (piece / blocks, piece % blocks);
            let panels = group * GROUP..((group + 1) * GROUP).min(panels);
            let rows = block * ROWS..((block + 1) * ROWS).min(product.rows);
            level.run(Piece { product, panels, rows });
        }
    });
}

/// Steps of a sum before it is put on top of those before, where sums are longer than [`LONG`]: errors then grow with the
/// length of a part. A gradient by way of a vocabulary is a sum over all of it.
const PART: usize = 512;

/// Steps of the longest sum in one part.
const LONG: usize = 2048;

/// Some rows against a few panels, which stay in the cache meanwhile.
struct Piece<'a, S: Step> {
    product: &'a Product<'a, S>,
    panels: Range<usize>,
    rows: Range<usize>,
}

impl<S: Step> Kernel for Piece<'_, S> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        let Self { product, panels, rows } = self;
        let steps = product.x.len() / product.rows;
        let part = if steps > LONG { PART } else { steps };
        for from in (0..steps).step_by(part) {
            let steps = from..steps.min(from + part);
            match (V::WIDE, panels.len()) {
                // As many sums as registers hold, beside the weights and inputs of a step.
                (true, GROUP) => tiles::<V, S, 8, GROUP>(product, &rows, panels.start, &steps),
                (true, 2) => tiles::<V, S, 8, 2>(product, &rows, panels.start, &steps),
                (true, _) => tiles::<V, S, 8, 1>(product, &rows, panels.start, &steps),
                (false, _) => {
                    for panel in panels.clone() {
                        tiles::<V, S, 4, 1>(product, &rows, panel, &steps);
                    }
                }
            }
        }
    }
}

/// Rows, at most `M` at a time, against `P` panels.
#[inline(always)]
fn tiles<V: Lanes, S: Step, const M: usize, const P: usize>(
    product: &Product<'_, S>,
    rows: &Range<usize>,
    panel: usize,
    steps: &Range<usize>,
) {
    let mut row = rows.start;
    while row + M <= rows.end {
        tile::<V, S, M, P>(product, row, panel, steps);
        row += M;
    }
    if M > 4 && rows.end - row >= 4 {
        tile::<V, S, 4, P>(product, row, panel, steps);
        row += 4;
    }
    if rows.end - row >= 2 {
        tile::<V, S, 2, P>(product, row, panel, steps);
        row += 2;
    }
    if row < rows.end {
        tile::<V, S, 1, P>(product, row, panel, steps);
    }
}

/// `M` rows from `row` on against `P` panels; all sums stay in registers.
#[inline(always)]
fn tile<V: Lanes, S: Step, const M: usize, const P: usize>(
    product: &Product<'_, S>,
    row: usize,
    panel: usize,
    steps: &Range<usize>,
) {
    let (whole, count) = (product.x.len() / product.rows, steps.len());
    let place = |at: usize| at * whole + steps.start;
    let x: [&[S::Input]; M] = std::array::from_fn(|m| &product.x[place(row + m)..][..count]);
    let panels: [&[S::Weights]; P] =
        std::array::from_fn(|p| &product.panels[place(panel + p)..][..count]);
    let add = product.add || steps.start > 0;
    let mut sums = [[V::splat(0.0); P]; M];
    for step in 0..count {
        let weights = std::array::from_fn(|p| &panels[p][step]);
        S::add(&mut sums, weights, std::array::from_fn(|m| x[m][step]));
    }
    for (m, sums) in sums.into_iter().enumerate() {
        for (p, sums) in sums.into_iter().enumerate() {
            let from = (panel + p) * LANES;
            let width = LANES.min(product.outputs - from);
            let out = product.out.part((row + m) * product.outputs + from, width);
            if let Ok(out) = <&mut [f32; LANES]>::try_from(&mut *out) {
                let sums = if add { onto(out, sums) } else { sums };
                sums.store(out);
            } else {
                let mut values = [0f32; LANES];
                values[..width].copy_from_slice(out);
                let sums = if add { onto(&values, sums) } else { sums };
                sums.store(&mut values);
                out.copy_from_slice(&values[..width]);
            }
        }
    }
}

#[inline(always)]
fn onto<V: Lanes>(values: &[f32; LANES], sums: V) -> V {
    sums.mul_add(V::splat(1.0), V::load(values))
}
