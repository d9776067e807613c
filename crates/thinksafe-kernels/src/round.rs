//! Rounding of activations to bf16.

use crate::LANES;
use crate::lanes::Lanes;
use crate::level::{Kernel, Level};

/// The nearest bf16 of a value, ties to even, in the low half; NaN stays NaN.
#[inline(always)]
pub(crate) fn bf16_bits(value: f32) -> u32 {
    let bits = value.to_bits();
    let rounded = (bits.wrapping_add(0x7FFF + (bits >> 16 & 1))) >> 16;
    if value.is_nan() { bits >> 16 | 0x40 } else { rounded }
}

/// Rounds values to pairs of bf16.
#[inline(always)]
pub(crate) fn round_pairs(values: &[f32; 2 * LANES], pairs: &mut [u32; LANES]) {
    for (pair, [low, high]) in pairs.iter_mut().zip(values.as_chunks::<2>().0) {
        *pair = bf16_bits(*low) | bf16_bits(*high) << 16;
    }
}

/// Rounds a row of `K` values into `ceil(K / 2)` pairs, the first of a pair in the low half.
pub(crate) fn round_row(level: Level, x: &[f32], pairs: &mut [u32]) {
    level.run(Round { x, pairs });
}

/// `K` values into `ceil(K / 2)` pairs.
pub(crate) struct Round<'a> {
    pub(crate) x: &'a [f32],
    pub(crate) pairs: &'a mut [u32],
}

impl Kernel for Round<'_> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        let (vectors, rest) = self.x.as_chunks::<{ 2 * LANES }>();
        let (pairs, rest_pairs) = self.pairs.split_at_mut(vectors.len() * LANES);
        for (pairs, values) in pairs.as_chunks_mut().0.iter_mut().zip(vectors) {
            V::round_pairs(values, pairs);
        }
        // By the same instruction, which takes what is not normal for zero.
        let (mut values, mut pairs) = ([0f32; 2 * LANES], [0u32; LANES]);
        values[..rest.len()].copy_from_slice(rest);
        V::round_pairs(&values, &mut pairs);
        rest_pairs.copy_from_slice(&pairs[..rest_pairs.len()]);
    }
}

#[cfg(test)]
mod tests {
    use half::bf16;

    use super::*;

    #[test]
    fn rounds_as_half_does() {
        let special = [0.0, -0.0, 1.0, f32::MAX, f32::MIN, f32::INFINITY, f32::NEG_INFINITY, 1e-40];
        let mut state = 1u32;
        let random = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f32::from_bits(state)
        });
        let values: Vec<f32> = special.into_iter().chain(random.take(100_001)).collect();
        for level in Level::available() {
            let mut pairs = vec![0u32; values.len().div_ceil(2)];
            round_row(level, &values, &mut pairs);
            for (i, value) in values.iter().enumerate() {
                let bits = bf16::from_bits((pairs[i / 2] >> (16 * (i % 2))) as u16);
                let expected = bf16::from_f32(*value);
                let same = bits.to_bits() == expected.to_bits();
                // Instructions take what is not normal for zero, as those that multiply it do.
                let none = bits.to_f32() == 0.0 && value.abs() < f32::MIN_POSITIVE;
                assert!(same || none || value.is_nan() && bits.is_nan(), "{value:e}: {bits}");
            }
        }
    }
}
