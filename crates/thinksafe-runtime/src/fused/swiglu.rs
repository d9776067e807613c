//! The gate of the feed-forward block.

use tch::{Kind, Tensor};
use thinksafe_kernels::training::{SwiGluBackward, SwiGluRows};

use super::{LEAST, in_format, level, native};
use crate::host::{Format, Values, split, values};

/// `silu(gate) * up`, of any equal shapes.
pub(crate) fn swiglu(gate: &Tensor, up: &Tensor) -> Tensor {
    let Some(kind) = native(&[gate, up]) else {
        let gated = gate.to_kind(Kind::Float).silu() * up;
        return gated.to_kind(gate.kind());
    };
    let mut out = gate.empty_like();
    in_format!(kind, forward(gate, up, &mut out));
    out
}

/// The gradients by gate and up, which take the place of the two.
pub(crate) fn swiglu_backward(mut gate: Tensor, mut up: Tensor, dout: &Tensor) -> (Tensor, Tensor) {
    if let Some(kind) = native(&[&gate, &up, dout]) {
        in_format!(kind, backward(&mut gate, &mut up, dout));
        return (gate, up);
    }
    let (wide, wide_dout) = (gate.to_kind(Kind::Float), dout.to_kind(Kind::Float));
    let sigmoid = wide.sigmoid();
    let gated = &wide * &sigmoid;
    // The derivative of x s is s + x s (1 - s).
    let slope = &sigmoid + &gated * (1.0 - &sigmoid);
    let dgate: Tensor = slope * &wide_dout * &up;
    let dgate = dgate.to_kind(gate.kind());
    (dgate, (gated * wide_dout).to_kind(up.kind()))
}

fn forward<T: Format>(gate: &Tensor, up: &Tensor, out: &mut Tensor) {
    let (gate, up, out) = (values::<T>(gate), values::<T>(up), Values::<T>::of(out));
    split(gate.len(), LEAST, &|range| {
        let (gate, up) = (&gate[range.clone()], &up[range.clone()]);
        T::swiglu(level(), SwiGluRows { gate, up, out: out.part(range) });
    });
}

fn backward<T: Format>(gate: &mut Tensor, up: &mut Tensor, dout: &Tensor) {
    let (gate, up) = (Values::<T>::of(gate), Values::<T>::of(up));
    let dout = values::<T>(dout);
    split(dout.len(), LEAST, &|range| {
        let dout = &dout[range.clone()];
        let (gate, up) = (gate.part(range.clone()), up.part(range));
        T::swiglu_backward(level(), SwiGluBackward { gate, up, dout });
    });
}
