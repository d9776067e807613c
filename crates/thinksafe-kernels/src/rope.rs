//! Per-head normalisation and rotary position embedding, in one pass over a head.

use crate::lanes::Lanes;
use crate::level::{Kernel, Level};
use crate::norm::sum_of_squares;

/// Normalises one head (`[D]`, if `norm` is given: Qwen3's q/k norm with its weight and epsilon) and rotates it by
/// the angles of its position, in the layout of transformers' `rotate_half`: element `i` pairs with `i + D/2`.
///
/// `cos` and `sin` have `D/2` values each.
///
/// # Panics
/// If the lengths do not fit.
pub fn norm_and_rotate(
    level: Level,
    head: &mut [f32],
    norm: Option<(&[f32], f32)>,
    (cos, sin): (&[f32], &[f32]),
) {
    assert!(cos.len() * 2 == head.len() && sin.len() == cos.len(), "D/2 angles for a head of D");
    if let Some((weight, _)) = norm {
        assert_eq!(weight.len(), head.len(), "a norm weight of D");
    }
    level.run(NormAndRotate { head, norm, cos, sin });
}

struct NormAndRotate<'a> {
    head: &'a mut [f32],
    norm: Option<(&'a [f32], f32)>,
    cos: &'a [f32],
    sin: &'a [f32],
}

impl Kernel for NormAndRotate<'_> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        if let Some((weight, epsilon)) = self.norm {
            let mean = sum_of_squares(self.head) / self.head.len() as f32;
            let scale = 1.0 / (mean + epsilon).sqrt();
            for (x, weight) in self.head.iter_mut().zip(weight) {
                *x = *x * scale * weight;
            }
        }
        let (low, high) = self.head.split_at_mut(self.cos.len());
        for (((a, b), cos), sin) in low.iter_mut().zip(high).zip(self.cos).zip(self.sin) {
            (*a, *b) = (*a * cos - *b * sin, *b * cos + *a * sin);
        }
    }
}
