//! Root-mean-square normalisation.

use crate::LANES;
use crate::inputs::{RowsMut, SharedRows};
use crate::lanes::Lanes;
use crate::level::Kernel;
use crate::pool::{Pool, SharedSlice};

/// `out = x / rms(x) · weight` for each row of `x` (`[M, E]`), as transformers' RMSNorm in f32.
///
/// # Panics
/// If `x` is not whole rows of `weight`'s length, or `out` not as many.
pub fn rms_norm(pool: &Pool, x: &[f32], (weight, epsilon): (&[f32], f32), out: RowsMut<'_>) {
    let (width, rows) = (weight.len(), x.len() / weight.len());
    assert_eq!(x.len(), rows * width, "rows of {width}");
    out.check(rows, width);
    let level = pool.level();
    let out = SharedRows::new(out);
    pool.split_light(rows, x.len(), &|rows| {
        for row in rows {
            let x = &x[row * width..][..width];
            out.write(level, (row, width), |out| level.run(Norm { x, weight, epsilon, out }));
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
    out: RowsMut<'_>,
) {
    let (width, rows, values) = (weight.len(), x.len() / weight.len(), x.len());
    assert!(x.len() == rows * width && x.len() == delta.len(), "rows of {width}");
    out.check(rows, width);
    let level = pool.level();
    let (x, out) = (SharedSlice::new(x), SharedRows::new(out));
    pool.split_light(rows, values, &|rows| {
        for row in rows {
            let x = x.part(row * width, width);
            level.run(Add { x, delta: &delta[row * width..][..width], multiplier });
            out.write(level, (row, width), |out| level.run(Norm { x, weight, epsilon, out }));
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
