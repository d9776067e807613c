//! All rows against all panels, in blocks that stay in the caches.

use std::cell::RefCell;
use std::ops::Range;

use super::config::{Config, release};
use super::terms::{Operands, Terms};
use super::{INPUTS, InputTile, PanelTile, TILE};
use crate::LANES;
use crate::pool::{Pool, SharedSlice};

/// Rows whose inputs are made tiles at a time, so that they take little memory.
const ROWS: usize = 512;

/// Panels that a thread takes at a time.
const PANELS: usize = 8;

/// Turns that are multiplied at a time with many rows: the tiles of two blocks of rows and of the panels stay in the second
/// cache meanwhile.
const TURNS: usize = 32;

thread_local! {
    /// Tiles of inputs; kept, since fresh memory costs more than what is done with it.
    static INPUT_TILES: RefCell<Vec<InputTile>> = const { RefCell::new(Vec::new()) };
}

/// Rows `[M, K]` against panels `[ceil(N / 16), K / 2, 16]` of `outputs` outputs; K is such that it
/// [`divides`](super::divides) into tiles. Sums take the place of what is in `out`, or are added to it.
pub(crate) fn multiply<T: Terms>(
    pool: &Pool,
    (x, inputs): (&[T::Input], usize),
    (panels, outputs): (&[[u32; LANES]], usize),
    (out, add): (&SharedSlice<'_, f32>, bool),
) {
    let panels = panels.as_chunks().0;
    let turns = inputs / INPUTS;
    INPUT_TILES.with_borrow_mut(|tiles| {
        let pitch = turns * T::PITCH;
        for (slab, x) in x.chunks(ROWS * pitch).enumerate() {
            let tiles = input_tiles::<T>(pool, (x, turns), tiles);
            let (first, rows) = (slab * ROWS, x.len() / pitch);
            Product { tiles, first, rows, panels, turns, outputs, out, add }.multiply::<T>(pool);
        }
    });
}

/// Rows as `[ceil(M / 16), turns, PARTS]` tiles; rows behind the last are what they were.
fn input_tiles<'t, T: Terms>(
    pool: &Pool,
    (x, turns): (&[T::Input], usize),
    tiles: &'t mut Vec<InputTile>,
) -> &'t [InputTile] {
    let height = TILE * turns * T::PITCH;
    let blocks = x.len().div_ceil(height);
    let width = turns * T::PARTS;
    tiles.resize((blocks * width).max(tiles.len()), [[0; INPUTS]; TILE]);
    let tiles = &mut tiles[..blocks * width];
    let level = pool.level();
    let shared = SharedSlice::new(tiles);
    pool.split_light(blocks, x.len(), &|blocks| {
        for block in blocks {
            let x = &x[block * height..];
            T::fill(level, &x[..x.len().min(height)], shared.part(block * width, width));
        }
    });
    tiles
}

struct Product<'a> {
    /// `[ceil(M / 16), turns, parts]`.
    tiles: &'a [InputTile],
    /// Where the first row's outputs are.
    first: usize,
    rows: usize,
    /// `[ceil(N / 16), turns]`.
    panels: &'a [PanelTile],
    turns: usize,
    outputs: usize,
    out: &'a SharedSlice<'a, f32>,
    /// Whether sums come on top of what is there.
    add: bool,
}

/// How many blocks of rows and panels four tiles of sums are for.
#[derive(Clone, Copy)]
struct Shape {
    blocks: usize,
    panels: usize,
}

const TWO_BY_TWO: Shape = Shape { blocks: 2, panels: 2 };
const ONE_BY_FOUR: Shape = Shape { blocks: 1, panels: 4 };

impl Product<'_> {
    fn multiply<T: Terms>(&self, pool: &Pool) {
        // Few rows read the weights once, whatever their order.
        let block = if self.rows > 2 * TILE { TURNS } else { self.turns };
        let panels = self.outputs.div_ceil(LANES);
        pool.split(panels.div_ceil(PANELS), &|groups| {
            for group in groups {
                let panels = group * PANELS..((group + 1) * PANELS).min(panels);
                for from in (0..self.turns).step_by(block) {
                    let turns = from..(from + block).min(self.turns);
                    self.multiply_block::<T>(panels.clone(), turns);
                }
            }
            release();
        });
    }

    /// All rows against some turns of some panels: two blocks of rows at a time, and one block if no more are left.
    fn multiply_block<T: Terms>(&self, panels: Range<usize>, turns: Range<usize>) {
        let mut configured = 0;
        let mut row = 0;
        while row < self.rows {
            let left = self.rows - row;
            let shape = if left > TILE { TWO_BY_TWO } else { ONE_BY_FOUR };
            let height = left.min(shape.blocks * TILE);
            if configured != height {
                match height {
                    17.. => Config::two_by_two(height - TILE).load(),
                    _ => Config::one_by_four(height).load(),
                }
                configured = height;
            }
            for panel in panels.clone().step_by(shape.panels) {
                self.add::<T>(shape, (row, height), panel, turns.clone());
            }
            row += height;
        }
    }

    /// Adds to four tiles of sums, where they belong or, if that is not wholly there, apart.
    fn add<T: Terms>(
        &self,
        shape: Shape,
        (row, height): (usize, usize),
        panel: usize,
        turns: Range<usize>,
    ) {
        let width = shape.panels * LANES;
        let there = width.min(self.outputs - panel * LANES);
        let place = |row: usize| (self.first + row) * self.outputs + panel * LANES;
        let mut operands = self.operands::<T>(shape, row, panel, turns);
        if there == width {
            operands.sums = self.out.pointer(place(row), (height - 1) * self.outputs + width);
            operands.stride = self.outputs * size_of::<f32>();
            return run::<T>(shape, &operands);
        }
        let mut sums = [0f32; 4 * TILE * LANES];
        for (at, sums) in sums.chunks_mut(width).enumerate().take(height) {
            sums[..there].copy_from_slice(self.out.part(place(row + at), there));
        }
        operands.sums = sums.as_mut_ptr();
        operands.stride = width * size_of::<f32>();
        run::<T>(shape, &operands);
        for (at, sums) in sums.chunks(width).enumerate().take(height) {
            self.out.part(place(row + at), there).copy_from_slice(&sums[..there]);
        }
    }

    /// Where the operands of a shape's tiles begin; panels that are not there are those before.
    fn operands<T: Terms>(
        &self,
        shape: Shape,
        row: usize,
        panel: usize,
        turns: Range<usize>,
    ) -> Operands {
        let last = self.panels.len() / self.turns - 1;
        let input = |block: usize| {
            let from = ((row / TILE + block) * self.turns + turns.start) * T::PARTS;
            self.tiles[from..][..turns.len() * T::PARTS].as_ptr().cast()
        };
        let weight = |at: usize| {
            let from = (panel + at % shape.panels).min(last) * self.turns + turns.start;
            self.panels[from..][..turns.len()].as_ptr().cast()
        };
        // Not by `map`, which is not inlined.
        let inputs = [input(0), input(shape.blocks - 1)];
        let weights = [weight(0), weight(1), weight(2), weight(3)];
        let (fresh, cold) = (turns.start == 0 && !self.add, row == 0);
        let (sums, stride) = (std::ptr::null_mut(), 0);
        Operands { inputs, weights, turns: turns.len(), sums, stride, fresh, cold }
    }
}

fn run<T: Terms>(shape: Shape, operands: &Operands) {
    // SAFETY: this level has tiles, which were configured for the shape and its rows; the operands' tiles are there by the
    // bounds they were taken with, and so are the sums.
    unsafe {
        match shape.blocks {
            1 => T::add_one_by_four(operands),
            _ => T::add_two_by_two(operands),
        }
    }
}
