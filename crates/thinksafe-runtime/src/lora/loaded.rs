//! An adapter read from its folder for a model, attached or not.

use tch::Tensor;

use crate::lora::{Adapter, LoraConfig, peft_name};

/// An adapter whose matrices fit a model.
#[derive(Debug)]
pub(crate) struct LoadedLora {
    pub(crate) config: LoraConfig,
    /// By the names of the projections, in the model's order.
    pub(crate) adapters: Vec<(String, Adapter)>,
}

impl LoadedLora {
    /// The matrices by their PEFT names.
    pub(crate) fn matrices(&self) -> Vec<(String, Tensor)> {
        let named = self.adapters.iter().flat_map(|(projection, adapter)| {
            let matrices = adapter.matrices().into_iter();
            matrices.map(move |(matrix, t)| (peft_name(projection, matrix), t.shallow_clone()))
        });
        named.collect()
    }
}
