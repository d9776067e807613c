//! Elementary functions, written so that a loop over them becomes vectors: the library's are a call for each element.

/// e^x for any x, within 2 units in the last place between the clamps at which f32 under- or overflows.
///
/// By the usual reduction x = n·ln 2 + r and a polynomial in r. To round by adding 1.5·2²³ leaves n in the low bits of the
/// sum; a cast to an integer would be guarded against NaN lane by lane.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.3, 88.0);
    let shifted = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = n.mul_add(-LN2_LOW, n.mul_add(-LN2_HIGH, x));
    let p = 1.987_569_1e-4f32;
    let p = p.mul_add(r, 1.398_199_9e-3);
    let p = p.mul_add(r, 8.333_452e-3);
    let p = p.mul_add(r, 4.166_579_6e-2);
    let p = p.mul_add(r, 1.666_666_5e-1);
    let p = p.mul_add(r, 0.5);
    let value = p.mul_add(r * r, r) + 1.0;
    value * f32::from_bits(shifted.to_bits().wrapping_add(127) << 23)
}

/// tanh x for any x, within 4 units in the last place; a NaN stays one.
///
/// Near zero, where the quotient of exponentials cancels, by a polynomial in x² that was fitted for the smallest relative
/// error up to 0.625.
#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    let square = x * x;
    let p = -5.716_993e-3f32;
    let p = p.mul_add(square, 2.065_053_6e-2);
    let p = p.mul_add(square, -5.374_348e-2);
    let p = p.mul_add(square, 1.333_149_1e-1);
    let p = p.mul_add(square, -3.333_328_4e-1);
    let near = (p * square).mul_add(x, x);
    let far = 1.0 - 2.0 / (exp(2.0 * x.abs()) + 1.0);
    // Of -0, near is +0.
    if x.abs() > 0.625 { far } else { near }.copysign(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worst(f: impl Fn(f32) -> f32, truth: impl Fn(f64) -> f64, from: i32, to: i32) -> f64 {
        (from..to)
            .map(|i| {
                let x = i as f32 * 1e-3;
                let truth = truth(f64::from(x));
                (f64::from(f(x)) - truth).abs() / truth.abs().max(1e-30)
            })
            .fold(0f64, f64::max)
    }

    #[test]
    fn exp_is_within_two_units_of_the_true_value() {
        let worst = worst(exp, f64::exp, -87_000, 88_000);
        assert!(worst < 2.5e-7, "{worst:e}");
        assert_eq!(exp(0.0).to_bits(), 1f32.to_bits());
        assert!(exp(f32::NAN).is_nan());
        assert!(exp(f32::NEG_INFINITY) < 1.3e-38 && exp(f32::INFINITY).is_finite());
    }

    #[test]
    fn tanh_is_within_four_units_of_the_true_value() {
        for (from, to) in [(-100_000, 0), (1, 100_000)] {
            let worst = worst(tanh, f64::tanh, from, to);
            assert!(worst < 4.8e-7, "{worst:e}");
        }
        assert_eq!(tanh(-0.0).to_bits(), (-0f32).to_bits());
        assert_eq!([tanh(f32::INFINITY), tanh(f32::NEG_INFINITY)], [1.0, -1.0]);
        assert!(tanh(f32::NAN).is_nan());
    }
}
