//! Products of packed operands.

use std::ops::Range;

use crate::LANES;
use crate::lanes::Lanes;
use crate::level::{Kernel, Level};
use crate::step::Step;

use super::format::Multiplied;
use super::pack::{Panels, Rows};

/// A part of [`Panels`].
pub(super) struct Part<'a, T: Multiplied> {
    pub(super) panels: &'a Panels<T>,
    /// Which panels: the result's columns.
    pub(super) which: Range<usize>,
    /// Which of their steps are summed over; the rows' steps begin with the first of these.
    pub(super) steps: Range<usize>,
}

/// Adds the product of `count` rows with some panels to `out`, whose rows lie `stride` apart.
pub(super) fn add_product<T: Multiplied>(
    level: Level,
    (rows, count): (&Rows<T>, usize),
    part: &Part<'_, T>,
    (out, stride): (&mut [f32], usize),
) {
    level.run(Product { rows, count, part, out, stride });
}

struct Product<'a, 'p, T: Multiplied> {
    rows: &'a Rows<T>,
    count: usize,
    part: &'a Part<'p, T>,
    out: &'a mut [f32],
    stride: usize,
}

impl<T: Multiplied> Kernel for Product<'_, '_, T> {
    #[inline(always)]
    fn run<V: Lanes>(mut self) {
        let panels = self.part.which.len();
        let mut panel = 0;
        // As many sums as registers hold, beside the operands of a step.
        if V::WIDE {
            while panel + 4 <= panels {
                self.column::<V, 6, 4>(panel);
                panel += 4;
            }
        }
        while panel < panels {
            self.column::<V, 4, 1>(panel);
            panel += 1;
        }
    }
}

impl<T: Multiplied> Product<'_, '_, T> {
    /// All rows, at most `M` at a time, against `P` panels, which stay in the cache meanwhile.
    #[inline(always)]
    fn column<V: Lanes, const M: usize, const P: usize>(&mut self, panel: usize) {
        let mut row = 0;
        while row + M <= self.count {
            self.tile::<V, M, P>(row, panel);
            row += M;
        }
        while row + 2 <= self.count {
            self.tile::<V, 2, P>(row, panel);
            row += 2;
        }
        if row < self.count {
            self.tile::<V, 1, P>(row, panel);
        }
    }

    #[inline(always)]
    fn tile<V: Lanes, const M: usize, const P: usize>(&mut self, row: usize, panel: usize) {
        let Part { panels, which, steps } = self.part;
        let count = steps.len();
        let x: [&[<T::Step as Step>::Input]; M] =
            std::array::from_fn(|m| &self.rows.values[(row + m) * self.rows.steps..][..count]);
        let weights: [&[<T::Step as Step>::Weights]; P] = std::array::from_fn(|p| {
            let from = (which.start + panel + p) * panels.steps + steps.start;
            &panels.values[from..][..count]
        });
        let mut sums = [[V::splat(0.0); P]; M];
        for step in 0..count {
            let weights = std::array::from_fn(|p| &weights[p][step]);
            T::Step::add(&mut sums, weights, std::array::from_fn(|m| x[m][step]));
        }
        for (m, sums) in sums.into_iter().enumerate() {
            let out = &mut self.out[(row + m) * self.stride + panel * LANES..][..P * LANES];
            let out = out.as_chunks_mut::<LANES>().0;
            for (sum, out) in sums.into_iter().zip(out) {
                sum.mul_add(V::splat(1.0), V::load(out)).store(out);
            }
        }
    }
}
