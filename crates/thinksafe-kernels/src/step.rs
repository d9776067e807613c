//! What one step along the inputs adds to a tile of sums, for each pair of formats.

use crate::LANES;
use crate::lanes::Lanes;

/// A format of weights, a format of inputs, and how they are multiplied.
pub(crate) trait Step {
    /// The weights of sixteen outputs for one step.
    type Weights: Copy + Sync;
    /// The input of one row for one step.
    type Input: Copy + Sync;

    /// Adds the products of `M` rows with `P` panels.
    fn add<V: Lanes, const M: usize, const P: usize>(
        sums: &mut [[V; P]; M],
        weights: [&Self::Weights; P],
        x: [Self::Input; M],
    );
}

#[inline(always)]
fn add_products<V: Lanes, const M: usize, const P: usize>(
    sums: &mut [[V; P]; M],
    weights: [V; P],
    x: [f32; M],
) {
    for m in 0..M {
        let x = V::splat(x[m]);
        for p in 0..P {
            sums[m][p] = weights[p].mul_add(x, sums[m][p]);
        }
    }
}

/// f32 weights and inputs, one input a step.
pub(crate) struct BothF32;

impl Step for BothF32 {
    type Weights = [f32; LANES];
    type Input = f32;

    #[inline(always)]
    fn add<V: Lanes, const M: usize, const P: usize>(
        sums: &mut [[V; P]; M],
        weights: [&Self::Weights; P],
        x: [f32; M],
    ) {
        add_products(sums, weights.map(V::load), x);
    }
}

/// bf16 weights and f32 inputs, two inputs a step.
pub(crate) struct InputF32;

impl Step for InputF32 {
    type Weights = [u32; LANES];
    type Input = [f32; 2];

    #[inline(always)]
    fn add<V: Lanes, const M: usize, const P: usize>(
        sums: &mut [[V; P]; M],
        weights: [&Self::Weights; P],
        x: [[f32; 2]; M],
    ) {
        // One half after the other, so that the weights of only one are in registers.
        let mut widened = [V::splat(0.0); P];
        for half in 0..2 {
            for p in 0..P {
                widened[p] = V::widen(weights[p])[half];
            }
            add_products(sums, widened, x.map(|x| x[half]));
        }
    }
}

/// bf16 weights and inputs, two inputs a step.
pub(crate) struct BothBf16;

impl Step for BothBf16 {
    type Weights = [u32; LANES];
    type Input = u32;

    #[inline(always)]
    fn add<V: Lanes, const M: usize, const P: usize>(
        sums: &mut [[V; P]; M],
        weights: [&Self::Weights; P],
        x: [u32; M],
    ) {
        for m in 0..M {
            for p in 0..P {
                sums[m][p] = V::add_pairs(weights[p], x[m], sums[m][p]);
            }
        }
    }
}
