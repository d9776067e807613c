//! Tiles of rows and panels, whose sums stay in registers.

use std::ops::Range;

use crate::LANES;
use crate::lanes::Lanes;
use crate::level::Kernel;
use crate::pack::GROUP;
use crate::pool::SharedSlice;
use crate::step::Step;

/// A product whose operands are in the formats of a [`Step`].
pub(super) struct Product<'a, S: Step> {
    /// `[panels, steps]`.
    pub(super) weights: &'a [S::Weights],
    /// Which of the matrix's panels is the first of these.
    pub(super) first: usize,
    /// `[M, steps]`.
    pub(super) x: &'a [S::Input],
    /// M and N.
    pub(super) size: [usize; 2],
    pub(super) out: &'a SharedSlice<'a, f32>,
    /// Whether sums come on top of what is there.
    pub(super) add: bool,
}

/// Steps of a sum before it is put on top of those before, where sums are longer than [`LONG`]: errors then grow with the
/// length of a part. A gradient by way of a vocabulary is a sum over all of it.
const PART: usize = 512;

/// Steps of the longest sum in one part.
const LONG: usize = 2048;

/// The parts of a sum of so many steps.
pub(super) fn parts(length: usize) -> impl Iterator<Item = Range<usize>> {
    let part = if length > LONG { PART } else { length };
    (0..length).step_by(part).map(move |from| from..length.min(from + part))
}

/// Some rows against a few panels, which stay in the cache meanwhile.
pub(super) struct Piece<'a, S: Step> {
    pub(super) product: &'a Product<'a, S>,
    pub(super) panels: Range<usize>,
    pub(super) rows: Range<usize>,
}

impl<S: Step> Kernel for Piece<'_, S> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        let Self { product, panels, rows } = self;
        for steps in parts(product.x.len() / product.size[0]) {
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
    let (whole, count) = (product.x.len() / product.size[0], steps.len());
    let place = |at: usize| at * whole + steps.start;
    let x: [&[S::Input]; M] = std::array::from_fn(|m| &product.x[place(row + m)..][..count]);
    let panels: [&[S::Weights]; P] =
        std::array::from_fn(|p| &product.weights[place(panel - product.first + p)..][..count]);
    let add = product.add || steps.start > 0;
    let mut sums = [[V::splat(0.0); P]; M];
    for step in 0..count {
        let weights = std::array::from_fn(|p| &panels[p][step]);
        S::add(&mut sums, weights, std::array::from_fn(|m| x[m][step]));
    }
    for (m, sums) in sums.into_iter().enumerate() {
        for (p, sums) in sums.into_iter().enumerate() {
            put(product, (row + m, panel + p), sums, add);
        }
    }
}

/// Puts the sums of a row with a panel where they belong, or on top of what is there.
#[inline(always)]
pub(super) fn put<V: Lanes, S: Step>(
    product: &Product<'_, S>,
    (row, panel): (usize, usize),
    sums: V,
    add: bool,
) {
    let from = panel * LANES;
    let width = LANES.min(product.size[1] - from);
    let out = product.out.part(row * product.size[1] + from, width);
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

#[inline(always)]
fn onto<V: Lanes>(values: &[f32; LANES], sums: V) -> V {
    sums.mul_add(V::splat(1.0), V::load(values))
}
