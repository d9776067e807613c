//! The products with gate and up of a feed-forward block, put together while both are in the cache.

use std::cell::RefCell;
use std::ops::Range;

use super::panels::Source;
use super::pieces::{ROWS, for_each_piece};
use super::tile::{Piece, Product};
use crate::LANES;
use crate::activation::{Activation, Gated};
use crate::inputs::SharedRows;
use crate::lanes::Lanes;
use crate::level::Kernel;
use crate::pack::GROUP;
use crate::pool::{Pool, SharedSlice};
use crate::round::Round;
use crate::step::Step;

/// Outputs of a group.
const OUTPUTS: usize = GROUP * LANES;

/// Memory of a thread, for gate and for up.
struct Memory {
    unpacked: [Vec<[u32; LANES]>; 2],
    /// `[rows, outputs]` of a piece.
    sums: [Vec<f32>; 2],
}

thread_local! {
    static MEMORY: RefCell<Memory> = RefCell::new(Memory {
        unpacked: Default::default(),
        sums: [vec![0.0; ROWS * OUTPUTS], vec![0.0; ROWS * OUTPUTS]],
    });
}

/// `out = activation(x · gateᵀ) · (x · upᵀ)`, of `F` outputs in whole groups.
pub(super) struct GatedProduct<'a, S: Step> {
    pub(super) activation: Activation,
    /// `[M, steps]`.
    pub(super) x: &'a [S::Input],
    /// M and F.
    pub(super) size: [usize; 2],
    pub(super) out: &'a SharedRows<'a>,
}

impl<S: Step> GatedProduct<'_, S> {
    /// With panels of `2F` outputs, the gate's first.
    pub(super) fn run(&self, pool: &Pool, source: &(impl Source<S::Weights> + ?Sized)) {
        let (level, &Self { activation, x, size: [rows, width], out }) = (pool.level(), self);
        let (length, of_gate) = (x.len() / rows, width / LANES);
        for_each_piece(pool, [rows, width], &|gate, rows| {
            MEMORY.with_borrow_mut(|Memory { unpacked: [gates, ups], sums: [gated, upped] }| {
                let up = gate.start + of_gate..gate.end + of_gate;
                let first = gate.start * LANES;
                let gates = source.group(level, gate, length, gates);
                let ups = source.group(level, up, length, ups);
                for from in rows.clone().step_by(ROWS) {
                    let rows = from..rows.end.min(from + ROWS);
                    let x = &x[rows.start * length..rows.end * length];
                    let size = [rows.len(), OUTPUTS];
                    for (weights, sums) in [(gates, &mut *gated), (ups, &mut *upped)] {
                        let out = &SharedSlice::new(&mut sums[..rows.len() * OUTPUTS]);
                        let product = &Product::<S> { weights, first: 0, x, size, out, add: false };
                        level.run(Piece { product, panels: 0..GROUP, rows: 0..rows.len() });
                    }
                    let to = Place { out, rows, width, first };
                    level.run(Together { activation, gate: gated, up: upped, to });
                }
            });
        });
    }
}

/// Where the results of a piece belong.
struct Place<'a> {
    out: &'a SharedRows<'a>,
    rows: Range<usize>,
    /// Of a row of `out`.
    width: usize,
    /// The piece's first column.
    first: usize,
}

/// Puts gate and up of a piece together.
struct Together<'a> {
    activation: Activation,
    gate: &'a [f32],
    up: &'a [f32],
    to: Place<'a>,
}

impl Kernel for Together<'_> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        let Self { activation, gate, up, to: Place { out, rows, width, first } } = self;
        let sums = gate.chunks_exact(OUTPUTS).zip(up.chunks_exact(OUTPUTS));
        for (row, (gate, up)) in rows.zip(sums) {
            let at = row * width + first;
            match out {
                SharedRows::F32(values) => {
                    let out = values.part(at, OUTPUTS);
                    Gated { activation, gate, up, out }.run::<V>();
                }
                SharedRows::Bf16(pairs) => {
                    let mut gated = [0f32; OUTPUTS];
                    Gated { activation, gate, up, out: &mut gated }.run::<V>();
                    let pairs = pairs.part(at / 2, OUTPUTS / 2);
                    Round { x: &gated, pairs }.run::<V>();
                }
            }
        }
    }
}
