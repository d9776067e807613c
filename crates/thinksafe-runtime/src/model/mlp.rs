//! The gated feed-forward block (SwiGLU, GEGLU; Shazeer, 2020).

use tch::Tensor;

use crate::Error;
use crate::lora::Delta;
use crate::model::linear::Linear;
use crate::model::weights::Source;
use crate::model::{Activation, ModelConfig};

/// `down(activation(gate(x)) * up(x))`.
#[derive(Debug)]
pub(crate) struct Mlp {
    pub(super) gate: Linear,
    pub(super) up: Linear,
    pub(super) down: Linear,
    pub(super) activation: Activation,
}

impl Mlp {
    pub(crate) fn new(
        source: &mut dyn Source,
        name: &str,
        config: &ModelConfig,
    ) -> Result<Self, Error> {
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let mut linear = |part: &str, sizes| {
            Linear::new(source, &format!("{name}.{part}"), sizes, config.mlp_bias)
        };
        Ok(Self {
            gate: linear("gate_proj", [hidden, inner])?,
            up: linear("up_proj", [hidden, inner])?,
            down: linear("down_proj", [inner, hidden])?,
            activation: config.activation,
        })
    }

    /// `[B, T, E]` to `[B, T, E]`.
    pub(crate) fn forward(&self, x: &Tensor, delta: Delta) -> Tensor {
        let gate = self.gate.forward(x, delta);
        let gate = match self.activation {
            Activation::Silu => gate.silu(),
            Activation::GeluTanh => gate.gelu("tanh"),
        };
        self.down.forward(&(gate * self.up.forward(x, delta)), delta)
    }

    pub(crate) fn linears(&self) -> [(&'static str, &Linear); 3] {
        [("gate_proj", &self.gate), ("up_proj", &self.up), ("down_proj", &self.down)]
    }

    pub(crate) fn linears_mut(&mut self) -> [(&'static str, &mut Linear); 3] {
        [("gate_proj", &mut self.gate), ("up_proj", &mut self.up), ("down_proj", &mut self.down)]
    }
}
