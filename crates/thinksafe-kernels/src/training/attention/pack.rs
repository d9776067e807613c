//! Operands in the order in which a product reads them.
//!
//! A product sums over one dimension of both operands: [`Rows`] hold the steps of that sum for each row of the result,
//! [`Panels`] for each sixteen columns. Either is made of a matrix as it lies or of its transpose.

use crate::LANES;
use crate::lanes::Lanes;
use crate::level::{Kernel, Level};
use crate::step::Step;

use super::format::Multiplied;

type Input<T> = <<T as Multiplied>::Step as Step>::Input;
type Weights<T> = <<T as Multiplied>::Step as Step>::Weights;

/// A dense matrix of f32 whose height and width are multiples of sixteen, padded with zeros.
#[derive(Clone, Copy)]
pub(super) struct Matrix<'a> {
    values: &'a [f32],
    width: usize,
}

impl<'a> Matrix<'a> {
    pub(super) fn new(values: &'a [f32], width: usize) -> Self {
        debug_assert!(width.is_multiple_of(LANES) && values.len().is_multiple_of(LANES * width));
        Self { values, width }
    }

    fn height(self) -> usize {
        self.values.len() / self.width
    }

    /// The rows of a step, the same one twice where it takes one.
    #[inline(always)]
    fn step<T: Multiplied>(self, step: usize) -> [&'a [f32]; 2] {
        let row = step * T::STEP;
        [row, row + T::STEP - 1].map(|row| &self.values[row * self.width..][..self.width])
    }
}

/// The operand of the result's rows, `[rows, steps]`.
pub(super) struct Rows<T: Multiplied> {
    pub(super) values: Vec<Input<T>>,
    pub(super) steps: usize,
}

impl<T: Multiplied> Rows<T> {
    pub(super) const fn new() -> Self {
        Self { values: Vec::new(), steps: 0 }
    }

    /// The result's rows are the matrix's.
    pub(super) fn fill(&mut self, level: Level, matrix: Matrix<'_>) {
        self.steps = matrix.width / T::STEP;
        self.values.resize(matrix.height() * self.steps, T::input(0.0, 0.0));
        level.run(FillRows::<T> { matrix, out: &mut self.values });
    }

    /// The result's rows are the matrix's columns.
    pub(super) fn fill_transposed(&mut self, level: Level, matrix: Matrix<'_>) {
        self.steps = matrix.height() / T::STEP;
        self.values.resize(matrix.width * self.steps, T::input(0.0, 0.0));
        level.run(FillTransposedRows::<T> { matrix, out: &mut self.values });
    }
}

/// The operand of the result's columns, `[columns / 16, steps, 16]`.
pub(super) struct Panels<T: Multiplied> {
    pub(super) values: Vec<Weights<T>>,
    pub(super) steps: usize,
}

impl<T: Multiplied> Panels<T> {
    pub(super) const fn new() -> Self {
        Self { values: Vec::new(), steps: 0 }
    }

    /// The result's columns are the matrix's.
    pub(super) fn fill(&mut self, level: Level, matrix: Matrix<'_>) {
        self.steps = matrix.height() / T::STEP;
        self.values.resize(matrix.width / LANES * self.steps, T::weights(&ZEROS, &ZEROS));
        level.run(FillPanels::<T> { matrix, out: &mut self.values });
    }

    /// The result's columns are the matrix's rows.
    pub(super) fn fill_transposed(&mut self, level: Level, matrix: Matrix<'_>) {
        self.steps = matrix.width / T::STEP;
        self.values.resize(matrix.height() / LANES * self.steps, T::weights(&ZEROS, &ZEROS));
        level.run(FillTransposedPanels::<T> { matrix, out: &mut self.values });
    }
}

const ZEROS: [f32; LANES] = [0.0; LANES];

struct FillRows<'a, T: Multiplied> {
    matrix: Matrix<'a>,
    out: &'a mut [Input<T>],
}

impl<T: Multiplied> Kernel for FillRows<'_, T> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        for (out, values) in self.out.iter_mut().zip(self.matrix.values.chunks_exact(T::STEP)) {
            *out = T::input(values[0], values[T::STEP - 1]);
        }
    }
}

struct FillTransposedRows<'a, T: Multiplied> {
    matrix: Matrix<'a>,
    out: &'a mut [Input<T>],
}

impl<T: Multiplied> Kernel for FillTransposedRows<'_, T> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        let steps = self.matrix.height() / T::STEP;
        for step in 0..steps {
            let [first, second] = self.matrix.step::<T>(step);
            for (column, (first, second)) in first.iter().zip(second).enumerate() {
                self.out[column * steps + step] = T::input(*first, *second);
            }
        }
    }
}

struct FillPanels<'a, T: Multiplied> {
    matrix: Matrix<'a>,
    out: &'a mut [Weights<T>],
}

impl<T: Multiplied> Kernel for FillPanels<'_, T> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        let steps = self.matrix.height() / T::STEP;
        for step in 0..steps {
            let [first, second] = self.matrix.step::<T>(step);
            let vectors = first.as_chunks().0.iter().zip(second.as_chunks().0);
            for (panel, (first, second)) in vectors.enumerate() {
                self.out[panel * steps + step] = T::weights(first, second);
            }
        }
    }
}

struct FillTransposedPanels<'a, T: Multiplied> {
    matrix: Matrix<'a>,
    out: &'a mut [Weights<T>],
}

impl<T: Multiplied> Kernel for FillTransposedPanels<'_, T> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        let Matrix { values, width } = self.matrix;
        let panels = values.chunks_exact(LANES * width);
        for (out, rows) in self.out.chunks_exact_mut(width / T::STEP).zip(panels) {
            for (step, out) in out.iter_mut().enumerate() {
                let column = step * T::STEP;
                let (mut first, mut second) = (ZEROS, ZEROS);
                for lane in 0..LANES {
                    first[lane] = rows[lane * width + column];
                    second[lane] = rows[lane * width + column + T::STEP - 1];
                }
                *out = T::weights(&first, &second);
            }
        }
    }
}
