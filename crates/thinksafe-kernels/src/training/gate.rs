//! The gate of the feed-forward block, and its derivative.

use crate::activation::{Activation, Gate, GeluTanh, Silu};
use crate::element::Element;
use crate::elementary::exp;
use crate::lanes::Lanes;
use crate::level::Kernel;

/// `out = activation(gate) · up`, element by element.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "the operands of a kernel")]
pub struct GatedRows<'a, T> {
    /// Of the gate.
    pub activation: Activation,
    /// The gate's input.
    pub gate: &'a [T],
    /// What is gated.
    pub up: &'a [T],
    /// The result.
    pub out: &'a mut [T],
}

/// The derivative of [`GatedRows`], whose inputs become their gradients.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "the operands of a kernel")]
pub struct GatedBackward<'a, T> {
    /// Of the gate.
    pub activation: Activation,
    /// The gate's input, which becomes its gradient.
    pub gate: &'a mut [T],
    /// What is gated, which becomes its gradient.
    pub up: &'a mut [T],
    /// The gradient of the output.
    pub dout: &'a [T],
}

impl<T: Element> Kernel for GatedRows<'_, T> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        match self.activation {
            Activation::Silu => self.by::<Silu>(),
            Activation::GeluTanh => self.by::<GeluTanh>(),
        }
    }
}

impl<T: Element> GatedRows<'_, T> {
    #[inline(always)]
    fn by<G: Gate>(self) {
        for ((out, gate), up) in self.out.iter_mut().zip(self.gate).zip(self.up) {
            let gate = gate.to_f32();
            *out = T::from_f32(gate * sigmoid(G::inner(gate)) * up.to_f32());
        }
    }
}

impl<T: Element> Kernel for GatedBackward<'_, T> {
    #[inline(always)]
    fn run<V: Lanes>(self) {
        match self.activation {
            Activation::Silu => self.by::<Silu>(),
            Activation::GeluTanh => self.by::<GeluTanh>(),
        }
    }
}

impl<T: Element> GatedBackward<'_, T> {
    #[inline(always)]
    fn by<G: Gate>(self) {
        for ((gate, up), dout) in self.gate.iter_mut().zip(self.up).zip(self.dout) {
            let (x, dout) = (gate.to_f32(), dout.to_f32());
            let sigmoid = sigmoid(G::inner(x));
            let slope = sigmoid * (1.0 + x * G::inner_slope(x) * (1.0 - sigmoid));
            *gate = T::from_f32(dout * up.to_f32() * slope);
            *up = T::from_f32(dout * x * sigmoid);
        }
    }
}

#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}
