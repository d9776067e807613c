//! The pass through all layers.

use tch::Tensor;
use thinksafe_core::seed::Seed;

use super::attention::Context;
use super::layer::Kept;
use super::linear::Adapters;
use super::{Gradients, PackedBatch};
use crate::fused::Angles;
use crate::lora::LoraSwitch;
use crate::model::CausalLm;

/// What of a layer is computed again in the backward pass instead of kept (activation checkpointing).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Recompute {
    /// Nothing but what lies between matrix products: the fastest.
    #[default]
    Nothing,
    /// Every layer from its input, but for the last product and for attention where it takes more than a sixteenth of the
    /// layer's products: the leanest.
    Layers,
    /// The first so many layers in this way, and nothing of those behind them, which are the first to be freed: as much
    /// speed as there is memory for.
    FirstLayers(usize),
}

impl Recompute {
    /// Whether a layer is computed again.
    fn covers(self, layer: usize) -> bool {
        match self {
            Self::Nothing => false,
            Self::Layers => true,
            Self::FirstLayers(count) => layer < count,
        }
    }
}

/// How a training pass runs.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "plain settings")]
pub struct PassOptions {
    /// What is computed again.
    pub recompute: Recompute,
    /// The seed of LoRA's dropout masks, each a function of it, the layer and the projection; none: no dropout. Masks are
    /// drawn from libtorch's global generator, which the pass seeds.
    pub dropout: Option<Seed>,
}

/// A forward pass that waits for the gradient of its result.
pub struct TrainingPass<'m> {
    model: &'m CausalLm,
    batch: &'m PackedBatch,
    angles: Angles,
    dropout: Option<Seed>,
    adapters: bool,
    kept: Vec<Kept>,
    /// The last layer's result, before the final norm, `[N, E]`.
    last: Tensor,
    hidden: Tensor,
}

impl std::fmt::Debug for TrainingPass<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (tokens, layers) = (self.batch.tokens(), self.kept.len());
        f.debug_struct("TrainingPass").field("tokens", &tokens).field("layers", &layers).finish()
    }
}

impl CausalLm {
    /// A forward pass over sequences that keeps what its derivative needs. The adapter takes part if it is switched on.
    ///
    /// Adapters compute in the precision of the base here, A and B rounded to it; [`Self::hidden_states`] widens inputs to f32
    /// instead. In f32 the two agree but for the order of sums.
    ///
    /// # Panics
    /// If an id is not below the vocabulary's size.
    pub fn training_pass<'m>(
        &'m self,
        batch: &'m PackedBatch,
        options: PassOptions,
    ) -> TrainingPass<'m> {
        let _guard = tch::no_grad_guard();
        let angles = Angles::new(&self.decoder.frequencies, &batch.positions);
        let mut pass = TrainingPass {
            model: self,
            batch,
            angles,
            dropout: options.dropout,
            adapters: self.switch == LoraSwitch::On,
            kept: Vec::with_capacity(self.config.layers),
            last: self.decoder.embed_packed(&batch.ids),
            hidden: Tensor::new(),
        };
        for (index, layer) in self.decoder.layers.iter().enumerate() {
            let recompute = options.recompute.covers(index);
            let (y, kept) = layer.train(&pass.last, pass.context(index), recompute);
            pass.kept.push(kept);
            pass.last = y;
        }
        pass.hidden = self.decoder.norm.normalise(&pass.last);
        pass
    }

    /// The last hidden states of packed sequences, after the final norm, without gradient and dropout.
    ///
    /// # Shapes
    /// `[N, E]`, in the model's precision.
    ///
    /// # Panics
    /// If an id is not below the vocabulary's size.
    pub fn packed_hidden_states(&self, batch: &PackedBatch) -> Tensor {
        let _guard = tch::no_grad_guard();
        let angles = Angles::new(&self.decoder.frequencies, &batch.positions);
        let adapters = match self.switch {
            LoraSwitch::On => Adapters::On { dropout: None },
            LoraSwitch::Off => Adapters::Off,
        };
        let context = Context { angles: &angles, runs: &batch.runs, adapters };
        let mut x = self.decoder.embed_packed(&batch.ids);
        for layer in &self.decoder.layers {
            // What it keeps is dropped at once.
            x = layer.train(&x, context, true).0;
        }
        self.decoder.norm.normalise(&x)
    }
}

impl TrainingPass<'_> {
    /// The last hidden states after the final norm, `[N, E]` in the model's precision: sequences one behind the other.
    pub fn hidden(&self) -> &Tensor {
        &self.hidden
    }

    /// Adds the gradients of the parameters that `gradients` holds, from the gradient of [`Self::hidden`] `[N, E]`. What is
    /// kept is freed layer by layer.
    pub fn backward(mut self, dhidden: &Tensor, gradients: &mut Gradients) {
        let _guard = tch::no_grad_guard();
        let mut dx = dhidden.zeros_like();
        self.model.decoder.norm.backward(&self.last, dhidden, &mut dx, gradients);
        self.last = Tensor::new();
        self.hidden = Tensor::new();
        for (index, layer) in self.model.decoder.layers.iter().enumerate().rev() {
            if let Some(kept) = self.kept.pop() {
                dx = layer.backward(kept, dx, self.context(index), gradients);
            }
        }
        self.model.decoder.embed_backward(&self.batch.ids, &dx, gradients);
    }

    fn context(&self, layer: usize) -> Context<'_> {
        let dropout = self.dropout.map(|seed| seed.purpose(&format!("layer {layer}")));
        let adapters = if self.adapters { Adapters::On { dropout } } else { Adapters::Off };
        Context { angles: &self.angles, runs: &self.batch.runs, adapters }
    }
}
