//! Tiles of inputs: bf16 as they are, f32 split into three bf16 whose sum they are.

use super::{INPUTS, InputTile};
use crate::lanes::Lanes;
use crate::level::Kernel;

/// The upper half of an f32: a bf16.
const HIGH: u32 = 0xFFFF_0000;

/// The nearest bf16, ties away from zero, in the upper half.
#[inline(always)]
fn nearest(value: f32) -> u32 {
    value.to_bits().wrapping_add(0x8000) & HIGH
}

/// Takes the largest part from a value: of three bf16 whose sum the value is, the `part`-th, in the upper half.
///
/// The sum is exact from 1e-33 to 3.39e38, where the parts are neither too small for tiles nor infinite. Above, and for
/// what is infinite or not a number, some part is not a number.
#[inline(always)]
fn take(rest: &mut f32, part: usize) -> u32 {
    let taken = if part == 2 { rest.to_bits() & HIGH } else { nearest(*rest) };
    *rest -= f32::from_bits(taken);
    taken
}

/// At most sixteen rows `[M, K / 2]` of pairs into tiles `[K / 32]`.
pub(super) struct Pairs<'a> {
    pub(super) x: &'a [u32],
    pub(super) tiles: &'a mut [InputTile],
}

impl Kernel for Pairs<'_> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        let Self { x, tiles } = self;
        for (row, x) in x.chunks_exact(tiles.len() * INPUTS / 2).enumerate() {
            for (tile, x) in tiles.iter_mut().zip(x.as_chunks::<{ INPUTS / 2 }>().0) {
                for (bits, pair) in tile[row].as_chunks_mut().0.iter_mut().zip(x) {
                    *bits = [*pair as u16, (*pair >> 16) as u16];
                }
            }
        }
    }
}

/// At most sixteen rows `[M, K]` of f32 into tiles `[K / 32, 3]`.
pub(super) struct Split<'a> {
    pub(super) x: &'a [f32],
    pub(super) tiles: &'a mut [[InputTile; 3]],
}

impl Kernel for Split<'_> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        let Self { x, tiles } = self;
        for (row, x) in x.chunks_exact(tiles.len() * INPUTS).enumerate() {
            for (tiles, x) in tiles.iter_mut().zip(x.as_chunks::<INPUTS>().0) {
                let mut rest = *x;
                for (part, tile) in tiles.iter_mut().enumerate() {
                    for (bits, rest) in tile[row].iter_mut().zip(&mut rest) {
                        *bits = (take(rest, part) >> 16) as u16;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_parts_are_the_value() {
        let mut state = 1u32;
        for _ in 0..100_000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let value = f32::from_bits(state);
            let mut rest = value;
            let parts = [0, 1, 2].map(|part| f32::from_bits(take(&mut rest, part)));
            if (1e-33..3.39e38).contains(&value.abs()) {
                assert_eq!(parts[2] + parts[1] + parts[0], value);
                assert!(parts.iter().all(|part| part.to_bits().trailing_zeros() >= 16));
            } else if !value.is_finite() {
                assert!(parts.iter().any(|part| part.is_nan()));
            }
        }
    }
}
