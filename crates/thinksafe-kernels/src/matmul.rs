//! The product of few rows with a packed matrix.

use crate::LANES;
use crate::element::Element;
use crate::level::{Kernel, Level};
use crate::pack::PackedMatrix;
use crate::pool::{Pool, SharedSlice};

/// Rows of one tile: with three panels, 24 accumulators, which leaves registers for the weights.
const TILE_ROWS: usize = 8;
/// Panels of one tile.
const TILE_PANELS: usize = 3;

/// `out = x · weightsᵀ` for `x` of `[M, K]` and `out` of `[M, N]`, both row-major.
///
/// Each output is the sum over `k = 0, 1, ...` in that order, by fused multiply-add, for every `M` and on every
/// number of threads.
///
/// # Panics
/// If `x` or `out` has not `rows` rows of the matrix's width.
pub fn matmul<W: Element>(
    pool: &Pool,
    weights: &PackedMatrix<W>,
    x: &[f32],
    rows: usize,
    out: &mut [f32],
) {
    assert_eq!(x.len(), rows * weights.inputs(), "x of [{rows}, {}]", weights.inputs());
    assert_eq!(out.len(), rows * weights.outputs(), "out of [{rows}, {}]", weights.outputs());
    let level = pool.level();
    let out = SharedSlice::new(out);
    pool.split(weights.panel_count(), &|panels| {
        let mut first = panels.start;
        while first < panels.end {
            let count = (panels.end - first).min(TILE_PANELS);
            W::multiply_panels(level, &Tile { weights, x, rows, first, out: &out }, count);
            first += count;
        }
    });
}

/// All rows against a few panels.
#[derive(Debug)]
#[expect(unnameable_types, reason = "only the sealed trait of formats takes it")]
pub struct Tile<'a, W> {
    weights: &'a PackedMatrix<W>,
    x: &'a [f32],
    rows: usize,
    first: usize,
    out: &'a SharedSlice<'a, f32>,
}

pub(crate) fn multiply_panels<W: Element>(level: Level, tile: &Tile<'_, W>, panels: usize) {
    match panels {
        1 => level.run(Panels::<W, 1>(tile)),
        2 => level.run(Panels::<W, 2>(tile)),
        _ => level.run(Panels::<W, TILE_PANELS>(tile)),
    }
}

struct Panels<'a, W, const P: usize>(&'a Tile<'a, W>);

impl<W: Element, const P: usize> Kernel for Panels<'_, W, P> {
    #[inline(always)]
    fn run(self) {
        let Self(tile) = self;
        let mut row = 0;
        while row + TILE_ROWS <= tile.rows {
            multiply::<W, TILE_ROWS, P>(tile, row);
            row += TILE_ROWS;
        }
        if tile.rows - row >= 4 {
            multiply::<W, 4, P>(tile, row);
            row += 4;
        }
        if tile.rows - row >= 2 {
            multiply::<W, 2, P>(tile, row);
            row += 2;
        }
        if row < tile.rows {
            multiply::<W, 1, P>(tile, row);
        }
    }
}

/// `M` rows from `row` on against `P` panels; all sums stay in registers.
#[inline(always)]
fn multiply<W: Element, const M: usize, const P: usize>(tile: &Tile<'_, W>, row: usize) {
    let inputs = tile.weights.inputs();
    let x: [&[f32]; M] = std::array::from_fn(|m| &tile.x[(row + m) * inputs..][..inputs]);
    let panels: [&[[W; LANES]]; P] =
        std::array::from_fn(|p| &tile.weights.panel(tile.first + p)[..inputs]);
    let mut sums = [[[0f32; LANES]; P]; M];
    for k in 0..inputs {
        let mut weights = [[0f32; LANES]; P];
        for p in 0..P {
            let lanes = &panels[p][k];
            for lane in 0..LANES {
                weights[p][lane] = lanes[lane].to_f32();
            }
        }
        for m in 0..M {
            let x = x[m][k];
            for p in 0..P {
                for lane in 0..LANES {
                    sums[m][p][lane] = weights[p][lane].mul_add(x, sums[m][p][lane]);
                }
            }
        }
    }
    let outputs = tile.weights.outputs();
    for (m, sums) in sums.iter().enumerate() {
        for (p, sums) in sums.iter().enumerate() {
            let from = (tile.first + p) * LANES;
            let width = LANES.min(outputs - from);
            tile.out.part((row + m) * outputs + from, width).copy_from_slice(&sums[..width]);
        }
    }
}
