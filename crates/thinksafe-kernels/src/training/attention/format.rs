//! How the two formats are multiplied.

use half::bf16;

use crate::LANES;
use crate::element::Element;
use crate::round::bf16_bits;
use crate::step::{BothBf16, BothF32, Step};

/// A format, and the step of a product in it.
pub(crate) trait Multiplied: Element {
    /// What a step multiplies.
    type Step: Step;
    /// Values along a sum that a step takes.
    const STEP: usize;

    /// The operand of one row: the values of a step, of which the second counts where a step takes two.
    fn input(first: f32, second: f32) -> <Self::Step as Step>::Input;

    /// The operand of sixteen columns.
    fn weights(first: &[f32; LANES], second: &[f32; LANES]) -> <Self::Step as Step>::Weights;
}

impl Multiplied for f32 {
    type Step = BothF32;
    const STEP: usize = 1;

    #[inline(always)]
    fn input(first: Self, _: Self) -> Self {
        first
    }

    #[inline(always)]
    fn weights(first: &[Self; LANES], _: &[Self; LANES]) -> [Self; LANES] {
        *first
    }
}

impl Multiplied for bf16 {
    type Step = BothBf16;
    const STEP: usize = 2;

    #[inline(always)]
    fn input(first: f32, second: f32) -> u32 {
        bf16_bits(first) | bf16_bits(second) << 16
    }

    #[inline(always)]
    fn weights(first: &[f32; LANES], second: &[f32; LANES]) -> [u32; LANES] {
        let mut pairs = [0; LANES];
        for lane in 0..LANES {
            pairs[lane] = bf16_bits(first[lane]) | bf16_bits(second[lane]) << 16;
        }
        pairs
    }
}
