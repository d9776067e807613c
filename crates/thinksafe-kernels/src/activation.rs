//! The gate of the feed-forward block.

use crate::lanes::Lanes;
use crate::level::Kernel;
use crate::pool::{Pool, SharedSlice};

/// `out = silu(gate) · up` for `gate_up` of `[M, 2F]` (gate first) and `out` of `[M, F]`.
///
/// # Panics
/// If the lengths do not fit `rows`.
pub fn swiglu(pool: &Pool, gate_up: &[f32], rows: usize, out: &mut [f32]) {
    assert!(rows > 0 && gate_up.len() == 2 * out.len(), "gate and up of equal width");
    let width = out.len() / rows;
    assert_eq!(width * rows, out.len(), "{rows} whole rows");
    let level = pool.level();
    let out = SharedSlice::new(out);
    pool.split_light(rows, gate_up.len(), &|rows| {
        for row in rows {
            let (gate, up) = gate_up[row * 2 * width..][..2 * width].split_at(width);
            level.run(SwiGlu { gate, up, out: out.part(row * width, width) });
        }
    });
}

struct SwiGlu<'a> {
    gate: &'a [f32],
    up: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for SwiGlu<'_> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        for ((out, gate), up) in self.out.iter_mut().zip(self.gate).zip(self.up) {
            *out = gate / (1.0 + exp(-gate)) * up;
        }
    }
}

/// e^x for any x, within 2 units in the last place between the clamps at which f32 under- or overflows.
///
/// By the usual reduction x = n·ln 2 + r and a polynomial in r, written so that a loop over it becomes vectors:
/// the library's `expf` is a call for each element.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let x = x.clamp(-87.3, 88.0);
    let n = (x * std::f32::consts::LOG2_E).round_ties_even();
    let r = n.mul_add(-LN2_LOW, n.mul_add(-LN2_HIGH, x));
    let p = 1.987_569_1e-4f32;
    let p = p.mul_add(r, 1.398_199_9e-3);
    let p = p.mul_add(r, 8.333_452e-3);
    let p = p.mul_add(r, 4.166_579_6e-2);
    let p = p.mul_add(r, 1.666_666_5e-1);
    let p = p.mul_add(r, 0.5);
    let value = p.mul_add(r * r, r) + 1.0;
    value * f32::from_bits(((n as i32 + 127) as u32) << 23)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_within_two_units_of_the_true_value() {
        let worst = (-87_000..88_000)
            .map(|i| {
                let x = i as f32 * 1e-3;
                let truth = f64::from(x).exp();
                (f64::from(exp(x)) - truth).abs() / truth
            })
            .fold(0f64, f64::max);
        assert!(worst < 2.5e-7, "{worst:e}");
        assert_eq!(exp(0.0).to_bits(), 1f32.to_bits());
        assert!(exp(f32::NEG_INFINITY) < 1.3e-38 && exp(f32::INFINITY).is_finite());
    }
}
