//! The gate of the feed-forward block, and its derivative.

use crate::activation::exp;
use crate::element::Element;
use crate::lanes::Lanes;
use crate::level::Kernel;

/// `out = silu(gate) · up`, element by element.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "the operands of a kernel")]
pub struct SwiGluRows<'a, T> {
    /// The gate's input.
    pub gate: &'a [T],
    /// What is gated.
    pub up: &'a [T],
    /// The result.
    pub out: &'a mut [T],
}

/// The derivative of [`SwiGluRows`], whose inputs become their gradients.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "the operands of a kernel")]
pub struct SwiGluBackward<'a, T> {
    /// The gate's input, which becomes its gradient.
    pub gate: &'a mut [T],
    /// What is gated, which becomes its gradient.
    pub up: &'a mut [T],
    /// The gradient of the output.
    pub dout: &'a [T],
}

impl<T: Element> Kernel for SwiGluRows<'_, T> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        for ((out, gate), up) in self.out.iter_mut().zip(self.gate).zip(self.up) {
            let gate = gate.to_f32();
            *out = T::from_f32(gate * sigmoid(gate) * up.to_f32());
        }
    }
}

impl<T: Element> Kernel for SwiGluBackward<'_, T> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        for ((gate, up), dout) in self.gate.iter_mut().zip(self.up).zip(self.dout) {
            let (g, dout) = (gate.to_f32(), dout.to_f32());
            let sigmoid = sigmoid(g);
            let slope = sigmoid * (1.0 + g * (1.0 - sigmoid));
            *gate = T::from_f32(dout * up.to_f32() * slope);
            *up = T::from_f32(dout * g * sigmoid);
        }
    }
}

#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}
