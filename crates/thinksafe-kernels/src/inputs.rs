//! The inputs of products: rows as they are, or rounded to bf16.

use std::cell::RefCell;
use std::ops::Range;

use crate::level::Level;
use crate::pack::widen;
use crate::pool::{Pool, SharedSlice};
use crate::round::round_row;

/// In which format the inputs of a product are multiplied; sums are f32 in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the formats that the instructions know")]
pub enum Arithmetic {
    /// Inputs as they are.
    F32,
    /// Inputs rounded to bf16, as `transformers` has them between layers of a bf16 model.
    Bf16,
}

/// Rows that a product reads, `[M, K]` and row-major.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_enums, reason = "the formats that the instructions know")]
pub enum Rows<'a> {
    /// `[M, K]`.
    F32(&'a [f32]),
    /// `[M, ceil(K / 2)]` pairs of bf16: input `2k` in the low half, `2k + 1` (zero behind the last) in the high one.
    Bf16(&'a [u32]),
}

impl Rows<'_> {
    /// Panics if these are not `rows` rows of `width` values.
    #[track_caller]
    pub(crate) fn check(&self, rows: usize, width: usize) {
        let expected = match self {
            Self::F32(values) => values.len() == rows * width,
            Self::Bf16(pairs) => pairs.len() == rows * width.div_ceil(2),
        };
        assert!(expected, "{rows} rows of {width}");
    }

    /// Some of the rows of `width` values.
    ///
    /// # Panics
    /// If there are not so many.
    #[must_use]
    pub fn part(self, rows: Range<usize>, width: usize) -> Self {
        match self {
            Self::F32(values) => Self::F32(&values[rows.start * width..rows.end * width]),
            Self::Bf16(pairs) => {
                let width = width.div_ceil(2);
                Self::Bf16(&pairs[rows.start * width..rows.end * width])
            }
        }
    }

    /// Row `index` as f32, into `out` of the rows' width.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row(self, index: usize, out: &mut [f32]) {
        let row = index..index + 1;
        match self.part(row, out.len()) {
            Self::F32(values) => out.copy_from_slice(values),
            Self::Bf16(pairs) => {
                for (out, pair) in out.chunks_mut(2).zip(pairs) {
                    out.copy_from_slice(&widen(*pair)[..out.len()]);
                }
            }
        }
    }
}

/// Rows that a kernel writes; see [`Rows`].
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "the formats that the instructions know")]
pub enum RowsMut<'a> {
    /// `[M, K]`.
    F32(&'a mut [f32]),
    /// `[M, ceil(K / 2)]` pairs of bf16, to which results are rounded.
    Bf16(&'a mut [u32]),
}

impl RowsMut<'_> {
    /// Panics if these are not `rows` rows of `width` values.
    #[track_caller]
    pub(crate) fn check(&self, rows: usize, width: usize) {
        let there = match self {
            Self::F32(values) => Rows::F32(values),
            Self::Bf16(pairs) => Rows::Bf16(pairs),
        };
        there.check(rows, width);
    }

    /// Cuts the rows into blocks as [`Pool::for_each_block`] does, `width` values of each row in one; `work` computes them in f32, and
    /// they are rounded while they are in the cache.
    ///
    /// # Panics
    /// As there, and if blocks of bf16 are of an odd width.
    pub fn for_each_block(
        self,
        pool: &Pool,
        (row_ends, columns, width): (&[usize], usize, usize),
        work: &(impl Fn(usize, usize, &mut [&mut [f32]]) + Sync),
    ) {
        let pairs = match self {
            Self::F32(values) => {
                return pool.for_each_block(values, (row_ends, columns, width), work);
            }
            Self::Bf16(pairs) => pairs,
        };
        assert!(width.is_multiple_of(2), "whole pairs in a block");
        let level = pool.level();
        pool.for_each_block(pairs, (row_ends, columns, width / 2), &|index, column, pairs| {
            BLOCK.with_borrow_mut(|block| {
                block.resize((pairs.len() * width).max(block.len()), 0.0);
                let mut rows: Vec<_> = block.chunks_exact_mut(width).take(pairs.len()).collect();
                work(index, column, &mut rows);
                for (row, pairs) in rows.iter().zip(pairs) {
                    round_row(level, row, pairs);
                }
            });
        });
    }
}

/// Memory for rows that products read, reused by the next step.
#[derive(Debug)]
pub struct Inputs(Format);

#[derive(Debug)]
enum Format {
    F32(Vec<f32>),
    Bf16(Vec<u32>),
}

impl Inputs {
    /// No rows.
    pub fn new(arithmetic: Arithmetic) -> Self {
        Self(match arithmetic {
            Arithmetic::F32 => Format::F32(Vec::new()),
            Arithmetic::Bf16 => Format::Bf16(Vec::new()),
        })
    }

    /// The rows.
    pub fn rows(&self) -> Rows<'_> {
        match &self.0 {
            Format::F32(values) => Rows::F32(values),
            Format::Bf16(pairs) => Rows::Bf16(pairs),
        }
    }

    /// Room for `rows` rows of `width` values, to be written; what is in it is left over.
    pub fn rows_mut(&mut self, rows: usize, width: usize) -> RowsMut<'_> {
        match &mut self.0 {
            Format::F32(values) => {
                values.resize(rows * width, 0.0);
                RowsMut::F32(values)
            }
            Format::Bf16(pairs) => {
                pairs.resize(rows * width.div_ceil(2), 0);
                RowsMut::Bf16(pairs)
            }
        }
    }

    /// Rows `[M, K]` of f32 in the format that products read: themselves, or a rounded copy that is kept here.
    ///
    /// # Panics
    /// If `x` is not whole rows of `width` values.
    pub fn of<'a>(&'a mut self, pool: &Pool, x: &'a [f32], width: usize) -> Rows<'a> {
        let Format::Bf16(pairs) = &mut self.0 else { return Rows::F32(x) };
        assert!(x.len().is_multiple_of(width), "whole rows of {width}");
        let (level, pitch) = (pool.level(), width.div_ceil(2));
        pairs.resize(x.len() / width * pitch, 0);
        pool.for_each_chunk(pairs, pitch, &|row, pairs| {
            round_row(level, &x[row * width..][..width], pairs);
        });
        Rows::Bf16(pairs)
    }
}

/// Rows that the threads of a kernel write, each its own.
pub(crate) enum SharedRows<'a> {
    F32(SharedSlice<'a, f32>),
    Bf16(SharedSlice<'a, u32>),
}

thread_local! {
    /// A row before it is rounded.
    static ROW: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };

    /// A block of rows before it is rounded.
    static BLOCK: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

impl<'a> SharedRows<'a> {
    pub(crate) fn new(rows: RowsMut<'a>) -> Self {
        match rows {
            RowsMut::F32(values) => Self::F32(SharedSlice::new(values)),
            RowsMut::Bf16(pairs) => Self::Bf16(SharedSlice::new(pairs)),
        }
    }

    /// Lets `fill` compute row `index` of `width` values; it is rounded while it is in the cache.
    pub(crate) fn write(
        &self,
        level: Level,
        (index, width): (usize, usize),
        fill: impl FnOnce(&mut [f32]),
    ) {
        match self {
            Self::F32(values) => fill(values.part(index * width, width)),
            Self::Bf16(pairs) => ROW.with_borrow_mut(|row| {
                row.resize(width.max(row.len()), 0.0);
                let pitch = width.div_ceil(2);
                fill(&mut row[..width]);
                round_row(level, &row[..width], pairs.part(index * pitch, pitch));
            }),
        }
    }
}
