//! A model lent for an examination, given back as it was.

use tch::Tensor;
use thinksafe_core::seed::Seed;
use thinksafe_runtime::{CausalLm, LoraConfig, LoraSwitch};

use super::subject::Named;
use crate::Error;
use crate::config::Trainable;

/// A borrowed model. Dropping the loan puts back its adapter, or its weights where those are what is trained.
#[derive(Debug)]
pub(super) struct Loan<'m> {
    pub(super) model: &'m mut CausalLm,
    trainable: Trainable,
    adapter: Option<LoraConfig>,
    switch: LoraSwitch,
    values: Named,
}

impl<'m> Loan<'m> {
    pub(super) fn new(model: &'m mut CausalLm, trainable: Trainable) -> Self {
        let adapter = model.lora_config().cloned();
        let on = adapter.is_none() || model.adapter_hash().is_some();
        let switch = if on { LoraSwitch::On } else { LoraSwitch::Off };
        let values = copies(match trainable {
            Trainable::Lora => model.lora_parameters(),
            Trainable::All => model.parameters(),
        });
        Self { model, trainable, adapter, switch, values }
    }

    /// The settings of the adapter that is trained: the model's own, or the trainer's default.
    pub(super) fn lora(&self) -> LoraConfig {
        self.adapter.clone().unwrap_or_default()
    }

    /// Puts a fresh adapter in the place of any other, or takes the weights back to their values before the loan.
    pub(super) fn reset(&mut self, lora: LoraConfig, seed: Seed) -> Result<(), Error> {
        match self.trainable {
            Trainable::Lora => {
                self.model.detach_lora();
                Ok(self.model.attach_lora(lora, seed)?)
            }
            Trainable::All => {
                self.put_back_weights();
                Ok(())
            }
        }
    }

    fn put_back_weights(&mut self) {
        fill(self.model.parameters(), &self.values);
        self.model.rehash();
    }

    fn put_back_adapter(&mut self) {
        self.model.detach_lora();
        if let Some(config) = self.adapter.take()
            && self.model.attach_lora(config, Seed(0)).is_ok()
        {
            fill(self.model.lora_parameters(), &self.values);
        }
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        match self.trainable {
            Trainable::Lora => self.put_back_adapter(),
            Trainable::All => self.put_back_weights(),
        }
        self.model.set_lora(self.switch);
    }
}

/// Copies of tensors, apart from what they are copied from.
pub(super) fn copies(tensors: Named) -> Named {
    tensors.into_iter().map(|(name, tensor)| (name, tensor.detach().copy())).collect()
}

fn fill(tensors: Named, values: &Named) {
    tch::no_grad(|| {
        for ((_, mut tensor), (_, value)) in tensors.into_iter().zip(values) {
            let tensor: &mut Tensor = &mut tensor;
            tensor.copy_(value);
        }
    });
}
