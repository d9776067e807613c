//! Reading and summing rows of any format, sixteen lanes at a time.

use crate::LANES;
use crate::element::Element;

/// Sixteen values as `f32`.
#[inline(always)]
pub(super) fn widen<T: Element>(values: &[T; LANES]) -> [f32; LANES] {
    let mut wide = [0f32; LANES];
    for lane in 0..LANES {
        wide[lane] = values[lane].to_f32();
    }
    wide
}

/// `Σ x²` over a row, in sixteen partial sums.
#[inline(always)]
pub(super) fn sum_of_squares<T: Element>(x: &[T]) -> f32 {
    let (chunks, rest) = x.as_chunks::<LANES>();
    let mut sums = [0f32; LANES];
    for chunk in chunks {
        let x = widen(chunk);
        for lane in 0..LANES {
            sums[lane] = x[lane].mul_add(x[lane], sums[lane]);
        }
    }
    let rest: f32 = rest.iter().map(|x| x.to_f32() * x.to_f32()).sum();
    total(&sums) + rest
}

/// `Σ a b c` over three rows of equal length, in sixteen partial sums.
#[inline(always)]
pub(super) fn sum_of_products<T: Element>(a: &[T], b: &[T], c: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let (c, c_rest) = c.as_chunks::<LANES>();
    let mut sums = [0f32; LANES];
    for ((a, b), c) in a.iter().zip(b).zip(c) {
        let (a, b) = (widen(a), widen(b));
        for lane in 0..LANES {
            sums[lane] = (a[lane] * b[lane]).mul_add(c[lane], sums[lane]);
        }
    }
    let rest = a_rest.iter().zip(b_rest).zip(c_rest);
    total(&sums) + rest.map(|((a, b), c)| a.to_f32() * b.to_f32() * c).sum::<f32>()
}

/// The sum of sixteen partial sums.
#[inline(always)]
pub(super) fn total(sums: &[f32; LANES]) -> f32 {
    sums.iter().sum()
}
