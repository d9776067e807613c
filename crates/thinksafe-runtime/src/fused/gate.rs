//! The gate of the feed-forward block.

use tch::{Kind, Tensor};
use thinksafe_kernels::training::{GatedBackward, GatedRows};

use super::{LEAST, in_format, level, native};
use crate::host::{Format, Values, split, values};
use crate::model::Activation;

/// `activation(gate) * up`, of any equal shapes.
pub(crate) fn gated(activation: Activation, gate: &Tensor, up: &Tensor) -> Tensor {
    let Some(kind) = native(&[gate, up]) else {
        let wide = gate.to_kind(Kind::Float);
        let (inner, _) = inner(activation, &wide);
        return (wide * inner.sigmoid() * up).to_kind(gate.kind());
    };
    let mut out = gate.empty_like();
    in_format!(kind, forward(activation, gate, up, &mut out));
    out
}

/// The gradients by gate and up, which take the place of the two.
pub(crate) fn gated_backward(
    activation: Activation,
    mut gate: Tensor,
    mut up: Tensor,
    dout: &Tensor,
) -> (Tensor, Tensor) {
    if let Some(kind) = native(&[&gate, &up, dout]) {
        in_format!(kind, backward(activation, &mut gate, &mut up, dout));
        return (gate, up);
    }
    let (wide, wide_dout) = (gate.to_kind(Kind::Float), dout.to_kind(Kind::Float));
    let (inner, inner_slope) = inner(activation, &wide);
    let sigmoid = inner.sigmoid();
    let gated = &wide * &sigmoid;
    // The derivative of x s(g(x)) is s + x s (1 - s) g'(x).
    let slope = &sigmoid + &gated * (1.0 - &sigmoid) * inner_slope;
    let dgate: Tensor = slope * &wide_dout * &up;
    let dgate = dgate.to_kind(gate.kind());
    (dgate, (gated * wide_dout).to_kind(up.kind()))
}

/// Every activation is `x s(g(x))` with the logistic function `s`: `g(x)` and `g'(x)`.
fn inner(activation: Activation, x: &Tensor) -> (Tensor, Tensor) {
    const CUBIC: f64 = 0.044_715;
    let root = (8.0 / std::f64::consts::PI).sqrt();
    match activation {
        Activation::Silu => (x.shallow_clone(), x.ones_like()),
        Activation::GeluTanh => {
            let square = x.square();
            (x * (&square * CUBIC + 1.0) * root, (square * (3.0 * CUBIC) + 1.0) * root)
        }
    }
}

fn forward<T: Format>(activation: Activation, gate: &Tensor, up: &Tensor, out: &mut Tensor) {
    let (gate, up, out) = (values::<T>(gate), values::<T>(up), Values::<T>::of(out));
    split(gate.len(), LEAST, &|range| {
        let (gate, up) = (&gate[range.clone()], &up[range.clone()]);
        let rows = GatedRows { activation: activation.into(), gate, up, out: out.part(range) };
        T::gate(level(), rows);
    });
}

fn backward<T: Format>(activation: Activation, gate: &mut Tensor, up: &mut Tensor, dout: &Tensor) {
    let (gate, up) = (Values::<T>::of(gate), Values::<T>::of(up));
    let dout = values::<T>(dout);
    split(dout.len(), LEAST, &|range| {
        let dout = &dout[range.clone()];
        let (gate, up) = (gate.part(range.clone()), up.part(range));
        let rows = GatedBackward { activation: activation.into(), gate, up, dout };
        T::gate_backward(level(), rows);
    });
}
