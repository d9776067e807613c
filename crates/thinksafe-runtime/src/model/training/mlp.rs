//! The feed-forward block in a training pass.

use tch::Tensor;

use super::Gradients;
use super::linear::{Adapters, Backward, Projected};
use crate::fused::{gated, gated_backward};
use crate::model::mlp::Mlp;

/// The two products that the gate joins.
pub(super) struct Gated {
    pub(super) gate: Projected,
    pub(super) up: Projected,
}

impl Mlp {
    /// From the normalised input `[N, E]`.
    pub(super) fn gate(&self, x: &Tensor, adapters: Adapters) -> Gated {
        let gate = self.gate.project(x, adapters, "gate_proj");
        Gated { gate, up: self.up.project(x, adapters, "up_proj") }
    }

    /// The block's result, `[N, E]`.
    pub(super) fn output(&self, products: &Gated, adapters: Adapters) -> Tensor {
        let inner = gated(self.activation, &products.gate.y, &products.up.y);
        self.down.project(&inner, adapters, "down_proj").y
    }

    /// The gradient of the normalised input `x` from that of the block's result.
    pub(super) fn backward(
        &self,
        x: &Tensor,
        products: Gated,
        dy: &Tensor,
        adapters: Adapters,
        gradients: &mut Gradients,
    ) -> Tensor {
        let Gated { gate, up } = products;
        let inner = gated(self.activation, &gate.y, &up.y);
        let low = self.down.low(&inner, adapters, "down_proj");
        let step = Backward { x: &inner, low: low.as_ref(), dy, adapters, name: "down_proj" };
        let dinner = self.down.backward(step, None, gradients);
        drop(inner);
        let (dgate, dup) = gated_backward(self.activation, gate.y, up.y, &dinner);
        let step = Backward { x, low: gate.low.as_ref(), dy: &dgate, adapters, name: "gate_proj" };
        let dx = self.gate.backward(step, None, gradients);
        let step = Backward { x, low: up.low.as_ref(), dy: &dup, adapters, name: "up_proj" };
        self.up.backward(step, Some(dx), gradients)
    }
}
