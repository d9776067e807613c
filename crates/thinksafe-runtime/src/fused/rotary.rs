//! Head norms and rotary positions.

use tch::{Kind, Tensor};
use thinksafe_kernels::training::{MOST_HEAD_VALUES, RotaryBackward, RotaryRows, Rotation};

use super::norm::{rms_norm_backward, rms_norm_weight_gradient};
use super::{host, in_format, least_rows, level, native, rms_norm};
use crate::host::{Format, Values, split, values};

/// Cosines and sines of the positions of the tokens of a batch: f32 `[N, D / 2]`.
#[derive(Debug)]
pub(crate) struct Angles {
    pub(super) cos: Tensor,
    pub(super) sin: Tensor,
}

/// The norm of each head (Qwen3): its weight `[D]` and epsilon.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HeadNorm<'a> {
    pub(crate) weight: &'a Tensor,
    pub(crate) epsilon: f64,
}

impl Angles {
    /// Of positions `[N]` at frequencies `[D / 2]`.
    pub(crate) fn new(frequencies: &Tensor, positions: &Tensor) -> Self {
        let angles = positions.to_kind(Kind::Float).unsqueeze(-1) * frequencies;
        Self { cos: angles.cos(), sin: angles.sin() }
    }

    /// Whether our kernels take heads of this size.
    fn fit(&self) -> bool {
        self.dim() as usize <= MOST_HEAD_VALUES
    }

    /// Values of a head.
    fn dim(&self) -> i64 {
        self.cos.size()[1] * 2
    }
}

/// Normalises each head, if there is a norm, and turns it by its token's position.
///
/// # Shapes
/// `[N, H * D]` to the same, in x's kind.
pub(crate) fn rotary(x: &Tensor, norm: Option<HeadNorm<'_>>, angles: &Angles) -> Tensor {
    let Some(kind) = native(&[x]).filter(|_| angles.fit()) else {
        let heads = x.view([-1, x.size()[1] / angles.dim(), angles.dim()]);
        let heads = match norm {
            Some(norm) => rms_norm(&heads, norm.weight, norm.epsilon),
            None => heads,
        };
        return turn(&heads, angles, 1.0).view_as(x);
    };
    let mut out = x.empty_like();
    in_format!(kind, forward(x, norm, angles, &mut out));
    out
}

/// The gradient by `x` of [`rotary`].
///
/// # Shapes
/// `x`, `dout`, result: `[N, H * D]`
pub(crate) fn rotary_backward(
    x: &Tensor,
    norm: Option<HeadNorm<'_>>,
    angles: &Angles,
    dout: &Tensor,
) -> Tensor {
    if let Some(kind) = native(&[x, dout]).filter(|_| angles.fit()) {
        let mut dx = x.empty_like();
        in_format!(kind, backward(x, norm, angles, dout, &mut dx));
        return dx;
    }
    let back = back(dout, angles);
    let Some(HeadNorm { weight, epsilon }) = norm else { return back.view_as(x) };
    let mut dx = back.zeros_like();
    rms_norm_backward(&x.view_as(&back), weight, epsilon, &back, &mut dx);
    dx.view_as(x)
}

/// The gradient of the norm's weight, f32 `[D]`.
pub(crate) fn rotary_weight_gradient(
    x: &Tensor,
    norm: HeadNorm<'_>,
    angles: &Angles,
    dout: &Tensor,
) -> Tensor {
    let back = back(dout, angles);
    let gradient = rms_norm_weight_gradient(&x.view_as(&back), norm.epsilon, &back);
    gradient.sum_dim_intlist(0, false, Kind::Float)
}

/// The gradient before the rotation, `[N, H, D]`.
fn back(dout: &Tensor, angles: &Angles) -> Tensor {
    turn(&dout.view([dout.size()[0], -1, angles.dim()]), angles, -1.0)
}

/// Turns heads `[N, H, D]` forward, or back with a direction of -1.
fn turn(heads: &Tensor, angles: &Angles, direction: f64) -> Tensor {
    let half = angles.dim() / 2;
    let (cos, sin) = (angles.cos.unsqueeze(1), angles.sin.unsqueeze(1) * direction);
    let wide = heads.to_kind(Kind::Float);
    let (low, high) = (wide.narrow(2, 0, half), wide.narrow(2, half, half));
    let turned = [&low * &cos - &high * &sin, high * cos + low * sin];
    Tensor::cat(&turned, 2).to_kind(heads.kind())
}

fn forward<T: Format>(x: &Tensor, norm: Option<HeadNorm<'_>>, angles: &Angles, out: &mut Tensor) {
    let (x, out) = (values::<T>(x), Values::<T>::of(out));
    each_range(x.len(), norm, angles, &|rotation, range| {
        let out = out.part(range.clone());
        T::rotary(level(), RotaryRows { rotation, x: &x[range], out });
    });
}

fn backward<T: Format>(
    x: &Tensor,
    norm: Option<HeadNorm<'_>>,
    angles: &Angles,
    dout: &Tensor,
    dx: &mut Tensor,
) {
    let (x, dout, dx) = (values::<T>(x), values::<T>(dout), Values::<T>::of(dx));
    each_range(x.len(), norm, angles, &|rotation, range| {
        let (x, dout) = (&x[range.clone()], &dout[range.clone()]);
        T::rotary_backward(level(), RotaryBackward { rotation, x, dout, dx: dx.part(range) });
    });
}

/// Runs `work` on ranges of whole rows of `len` values, with what rotates them.
fn each_range(
    len: usize,
    norm: Option<HeadNorm<'_>>,
    angles: &Angles,
    work: &(impl Fn(Rotation<'_>, std::ops::Range<usize>) + Sync),
) {
    let dim = angles.dim() as usize;
    let (cos, sin) = (values::<f32>(&angles.cos), values::<f32>(&angles.sin));
    let width = len / (cos.len() / (dim / 2)).max(1);
    let weight = norm.map_or_else(Vec::new, |norm| host(norm.weight));
    let epsilon = norm.map_or(0.0, |norm| norm.epsilon as f32);
    split(len / width.max(1), least_rows(width), &|rows| {
        let turned = rows.start * dim / 2..rows.end * dim / 2;
        let rotation = Rotation {
            heads: width / dim,
            dim,
            weight: &weight,
            epsilon,
            cos: &cos[turned.clone()],
            sin: &sin[turned],
        };
        work(rotation, rows.start * width..rows.end * width);
    });
}
