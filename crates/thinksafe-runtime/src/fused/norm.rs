//! Root-mean-square normalisation.

use tch::{Kind, Tensor};
use thinksafe_kernels::training::{NormBackward, NormRows};

use super::{host, in_format, least_rows, level, native};
use crate::host::{Format, Values, split, values};

/// `x / rms(x) * weight` over the last dimension.
///
/// # Shapes
/// `[N, E]` and `[E]` to `[N, E]`, in x's kind.
pub(crate) fn rms_norm(x: &Tensor, weight: &Tensor, epsilon: f64) -> Tensor {
    let Some(kind) = native(&[x]) else {
        let scaled = x.to_kind(Kind::Float) * inverse_rms(x, epsilon);
        return (scaled * weight).to_kind(x.kind());
    };
    let mut out = x.empty_like();
    in_format!(kind, forward(x, &host(weight), epsilon as f32, &mut out));
    out
}

/// Adds the gradient through the normalisation to `dx`.
///
/// # Shapes
/// `x`, `dout`, `dx`: `[N, E]`; `weight`: `[E]`
pub(crate) fn rms_norm_backward(
    x: &Tensor,
    weight: &Tensor,
    epsilon: f64,
    dout: &Tensor,
    dx: &mut Tensor,
) {
    if let Some(kind) = native(&[x, dout, dx]) {
        in_format!(kind, backward(x, &host(weight), epsilon as f32, dout, dx));
        return;
    }
    let (scale, wide) = (inverse_rms(x, epsilon), x.to_kind(Kind::Float));
    let gradient = dout.to_kind(Kind::Float) * weight; // [N, E]
    let along = (&gradient * &wide).mean_dim(-1, true, None) * scale.square();
    let gradient = (gradient - wide * along) * scale;
    let _ = dx.g_add_(&gradient.to_kind(dx.kind()));
}

/// The gradient of the weight, f32 `[E]`.
pub(crate) fn rms_norm_weight_gradient(x: &Tensor, epsilon: f64, dout: &Tensor) -> Tensor {
    let scaled = x.to_kind(Kind::Float) * inverse_rms(x, epsilon);
    (scaled * dout).sum_dim_intlist(0, false, Kind::Float)
}

/// `[N, 1]` in f32.
fn inverse_rms(x: &Tensor, epsilon: f64) -> Tensor {
    (x.to_kind(Kind::Float).square().mean_dim(-1, true, None) + epsilon).rsqrt()
}

fn forward<T: Format>(x: &Tensor, weight: &[f32], epsilon: f32, out: &mut Tensor) {
    let width = weight.len();
    let (x, out) = (values::<T>(x), Values::<T>::of(out));
    split(x.len() / width, least_rows(width), &|rows| {
        let range = rows.start * width..rows.end * width;
        let out = out.part(range.clone());
        T::norm(level(), NormRows { x: &x[range], weight, epsilon, out });
    });
}

fn backward<T: Format>(x: &Tensor, weight: &[f32], epsilon: f32, dout: &Tensor, dx: &mut Tensor) {
    let width = weight.len();
    let (x, dout, dx) = (values::<T>(x), values::<T>(dout), Values::<T>::of(dx));
    split(x.len() / width, least_rows(width), &|rows| {
        let range = rows.start * width..rows.end * width;
        let (x, dout, dx) = (&x[range.clone()], &dout[range.clone()], dx.part(range));
        T::norm_backward(level(), NormBackward { x, weight, epsilon, dout, dx });
    });
}
