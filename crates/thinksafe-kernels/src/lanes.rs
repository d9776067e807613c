//! Sixteen lanes of `f32` as each level holds them.
//!
//! The products and the attention are written once over [`Lanes`]; the other kernels are loops over arrays, which the
//! compiler turns into the same instructions.

use crate::LANES;
use crate::pack::{CompactStep, Exponents, unpack};
use crate::round::round_pairs;

/// Sixteen `f32`.
///
/// The methods of a level's type may run only inside [`Kernel::run`](crate::level::Kernel::run) at that level, and
/// outside of closures: the compiler does not inline instructions into functions that may lack them.
pub(crate) trait Lanes: Copy {
    /// Whether one register holds them all, and there are 32 registers.
    const WIDE: bool;

    /// The same value in each lane.
    fn splat(value: f32) -> Self;

    /// The values of an array.
    fn load(values: &[f32; LANES]) -> Self;

    /// The values as an array.
    fn store(self, values: &mut [f32; LANES]);

    /// The low and the high halves of sixteen pairs of bf16.
    fn widen(pairs: &[u32; LANES]) -> [Self; 2];

    /// Sixteen values of bf16.
    fn load_bf16(values: &[half::bf16; LANES]) -> Self;

    /// Rounds 32 values to sixteen pairs of bf16, the first of a pair in the low half; what is below 1.2e-38 may become zero.
    #[inline(always)]
    fn round_pairs(values: &[f32; 2 * LANES], pairs: &mut [u32; LANES]) {
        round_pairs(values, pairs);
    }

    /// One step of compact panels, exceptions aside.
    #[inline(always)]
    fn unpack(step: &CompactStep, exponents: &Exponents, pairs: &mut [u32; LANES]) {
        unpack(step, exponents, pairs);
    }

    /// `self * x + sum`, rounded once.
    fn mul_add(self, x: Self, sum: Self) -> Self;

    /// `self * factor`.
    fn mul(self, factor: Self) -> Self;

    /// `sum + weights · x` for pairs of bf16: the product of the high halves is added first, then that of the low
    /// ones, each sum rounded.
    #[inline(always)]
    fn add_pairs(weights: &[u32; LANES], x: u32, sum: Self) -> Self {
        let [low, high] = Self::widen(weights);
        let [x_low, x_high] = crate::pack::widen(x).map(Self::splat);
        low.mul_add(x_low, high.mul_add(x_high, sum))
    }
}

/// Lanes of any machine.
#[derive(Clone, Copy)]
pub(crate) struct Portable([f32; LANES]);

impl Lanes for Portable {
    const WIDE: bool = false;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self([value; LANES])
    }

    #[inline(always)]
    fn load(values: &[f32; LANES]) -> Self {
        Self(*values)
    }

    #[inline(always)]
    fn store(self, values: &mut [f32; LANES]) {
        *values = self.0;
    }

    #[inline(always)]
    fn widen(pairs: &[u32; LANES]) -> [Self; 2] {
        [0, 1].map(|half| Self(pairs.map(|pair| crate::pack::widen(pair)[half])))
    }

    #[inline(always)]
    fn load_bf16(values: &[half::bf16; LANES]) -> Self {
        Self(values.map(|value| f32::from_bits(u32::from(value.to_bits()) << 16)))
    }

    #[inline(always)]
    fn mul_add(self, x: Self, sum: Self) -> Self {
        Self(std::array::from_fn(|lane| self.0[lane].mul_add(x.0[lane], sum.0[lane])))
    }

    #[inline(always)]
    fn mul(self, factor: Self) -> Self {
        Self(std::array::from_fn(|lane| self.0[lane] * factor.0[lane]))
    }
}

#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Ymm, Zmm};
