//! Root-mean-square normalisation.

use crate::LANES;
use crate::lanes::Lanes;
use crate::level::Kernel;
use crate::pool::{Pool, SharedSlice};

/// `out = x / rms(x) · weight` for each row of `x` (`[M, E]`), as transformers' RMSNorm in f32.
///
/// # Panics
/// If `x` and `out` differ in length, or are not whole rows of `weight`'s length.
pub fn rms_norm(pool: &Pool, x: &[f32], weight: &[f32], epsilon: f32, out: &mut [f32]) {
    let width = weight.len();
    assert!(x.len() == out.len() && x.len().is_multiple_of(width), "rows of {width}");
    let level = pool.level();
    let out = SharedSlice::new(out);
    pool.split_light(x.len() / width, x.len(), &|rows| {
        for row in rows {
            let x = &x[row * width..][..width];
            level.run(Norm { x, weight, epsilon, out: out.part(row * width, width) });
        }
    });
}

/// Adds `multiplier · delta` to the residual stream `x` and normalises the sum into `out`: one pass over what a block hands on.
///
/// # Panics
/// As [`rms_norm`], and if `delta` differs from `x` in length.
pub fn add_rms_norm(
    pool: &Pool,
    x: &mut [f32],
    (delta, multiplier): (&[f32], f32),
    (weight, epsilon): (&[f32], f32),
    out: &mut [f32],
) {
    let width = weight.len();
    assert!(x.len() == out.len() && x.len() == delta.len(), "equal lengths");
    assert!(x.len().is_multiple_of(width), "rows of {width}");
    let level = pool.level();
    let (rows, values) = (x.len() / width, x.len());
    let (x, out) = (SharedSlice::new(x), SharedSlice::new(out));
    pool.split_light(rows, values, &|rows| {
        for row in rows {
            let x = x.part(row * width, width);
            level.run(Add { x, delta: &delta[row * width..][..width], multiplier });
            level.run(Norm { x, weight, epsilon, out: out.part(row * width, width) });
        }
    });
}

struct Add<'a> {
    x: &'a mut [f32],
    delta: &'a [f32],
    multiplier: f32,
}

impl Kernel for Add<'_> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        for (x, delta) in self.x.iter_mut().zip(self.delta) {
            *x += delta * self.multiplier;
        }
    }
}

pub(crate) struct Norm<'a> {
    pub(crate) x: &'a [f32],
    pub(crate) weight: &'a [f32],
    pub(crate) epsilon: f32,
    pub(crate) out: &'a mut [f32],
}

impl Kernel for Norm<'_> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        let mean = sum_of_squares(self.x) / self.x.len() as f32;
        let scale = 1.0 / (mean + self.epsilon).sqrt();
        for ((out, x), weight) in self.out.iter_mut().zip(self.x).zip(self.weight) {
            *out = x * scale * weight;
        }
    }
}

/// In sixteen partial sums, added in lane order at the end.
#[inline(always)]
pub(crate) fn sum_of_squares(x: &[f32]) -> f32 {
    let (chunks, rest) = x.as_chunks::<LANES>();
    let mut sums = [0f32; LANES];
    for chunk in chunks {
        for lane in 0..LANES {
            sums[lane] = chunk[lane].mul_add(chunk[lane], sums[lane]);
        }
    }
    let rest: f32 = rest.iter().map(|x| x * x).sum();
    sums.iter().sum::<f32>() + rest
}
