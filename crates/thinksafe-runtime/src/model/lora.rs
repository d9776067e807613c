//! The adapter of a model: attach, load, save, switch, merge, detach.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use tch::Tensor;
use thinksafe_core::hash::ContentHash;
use thinksafe_core::seed::Seed;

use crate::lora::{Adapter, LoadedLora, LoraConfig, LoraSwitch, PeftFolder, peft_name};
use crate::model::CausalLm;
use crate::model::save::write_safetensors;
use crate::model::weight::Weight;
use crate::model::weights::Checkpoint;
use crate::{Error, Placement, Precision};

impl CausalLm {
    /// Adds a fresh adapter, switched on, which changes nothing until it is trained. Each projection's A is a function
    /// of the seed and the projection's name.
    ///
    /// # Errors
    /// [`Error::AdapterConfig`] for settings out of range and for targets that the model does not have,
    /// [`Error::Adapter`] if there is an adapter already.
    pub fn attach_lora(&mut self, config: LoraConfig, seed: Seed) -> Result<(), Error> {
        config.validate()?;
        self.need_no_adapter("attaching an adapter")?;
        let adapted = self.adapted_by(&config, "LoraConfig")?;
        for (name, linear) in self.decoder.linears_mut() {
            if adapted.contains(&name) {
                let seed = seed.purpose(&name);
                let adapter = Adapter::fresh(&config, linear.sizes(), seed, linear.device());
                linear.adapter = Some(adapter);
            }
        }
        self.adopt(config);
        Ok(())
    }

    /// Adds the adapter of a PEFT folder, switched on.
    ///
    /// # Errors
    /// [`Error::AdapterConfig`] for settings that are wrong or not implemented, [`Error::Adapter`] if there is an
    /// adapter already, and for matrices that do not fit this model as [`CausalLm::load`]; the model is then
    /// unchanged.
    pub fn load_lora(&mut self, dir: &Path) -> Result<(), Error> {
        self.need_no_adapter("loading an adapter")?;
        let LoadedLora { config, adapters } = self.read_lora(dir)?;
        let mut adapters: HashMap<String, Adapter> = adapters.into_iter().collect();
        for (name, linear) in self.decoder.linears_mut() {
            linear.adapter = adapters.remove(&name);
        }
        self.adopt(config);
        Ok(())
    }

    /// Reads the adapter of a PEFT folder, which must fit this model.
    pub(crate) fn read_lora(&self, dir: &Path) -> Result<LoadedLora, Error> {
        let folder = PeftFolder(dir);
        let config = folder.read_config()?;
        let adapted = self.adapted_by(&config, &folder.config_path().display().to_string())?;
        let placement = Placement { precision: Precision::F32, ..self.placement };
        let mut file = Checkpoint::open_file(&folder.weights_path(), placement)?;
        let mut adapters = Vec::new();
        for (name, linear) in self.decoder.linears() {
            if adapted.contains(&name) {
                let ([input, output], rank) = (linear.sizes(), i64::from(config.rank));
                let a = file.place(&peft_name(&name, "lora_A"), &[rank, input])?;
                let b = file.place(&peft_name(&name, "lora_B"), &[output, rank])?;
                adapters.push((name, Adapter::new(&config, a, b)));
            }
        }
        file.finish(&|_| false)?;
        Ok(LoadedLora { config, adapters })
    }

    /// Writes the adapter as a PEFT folder; `peft` reads it.
    ///
    /// # Errors
    /// [`Error::Adapter`] if there is none, [`Error::Shared`] if the folder cannot be written.
    pub fn save_lora(&self, dir: &Path) -> Result<(), Error> {
        let config = self.lora.as_ref().ok_or_else(|| no_adapter("saving an adapter"))?;
        let folder = PeftFolder(dir);
        let matrices: Vec<_> = self.lora_weights().collect();
        let matrices = matrices.iter().map(|(name, weight)| (name.as_str(), weight));
        write_safetensors(&folder.weights_path(), matrices, Precision::F32)?;
        folder.write_config(config)
    }

    /// The adapter's matrices by their PEFT names, sharing memory with the model; they collect gradients. Empty if
    /// there is no adapter.
    pub fn lora_parameters(&self) -> Vec<(String, Tensor)> {
        let mut parameters = Vec::new();
        for (name, linear) in self.decoder.linears() {
            for (matrix, tensor) in linear.adapter.iter().flat_map(Adapter::matrices) {
                parameters.push((peft_name(&name, matrix), tensor.shallow_clone()));
            }
        }
        parameters
    }

    /// The settings of the adapter, if there is one.
    pub fn lora_config(&self) -> Option<&LoraConfig> {
        self.lora.as_ref()
    }

    /// Hash of the adapter's settings and matrices as they are now; `None` without an adapter or with it off.
    pub fn adapter_hash(&self) -> Option<ContentHash> {
        let config = self.lora.as_ref().filter(|_| self.switch == LoraSwitch::On)?;
        Some(hash(config, self.lora_parameters()))
    }

    /// Switches the adapter on, or off for the base model. Without an adapter both are the base model.
    pub fn set_lora(&mut self, switch: LoraSwitch) {
        self.switch = switch;
    }

    /// Adds the adapter's products to the base weights, in f32 and then rounded to the base's precision, and drops it.
    ///
    /// # Errors
    /// [`Error::Adapter`] if there is none.
    pub fn merge_lora(&mut self) -> Result<(), Error> {
        self.lora.take().ok_or_else(|| no_adapter("merging an adapter"))?;
        for (_, linear) in self.decoder.linears_mut() {
            linear.merge();
        }
        self.rehash();
        Ok(())
    }

    /// Drops the adapter, if there is one.
    pub fn detach_lora(&mut self) {
        self.lora = None;
        for (_, linear) in self.decoder.linears_mut() {
            linear.adapter = None;
        }
    }

    pub(super) fn need_no_adapter(&self, operation: &'static str) -> Result<(), Error> {
        if self.lora.is_none() {
            return Ok(());
        }
        let (needed, found) = ("none: merge or detach it first", "a LoRA adapter");
        Err(Error::Adapter { operation, needed, found })
    }

    /// The full names of the projections that an adapter's settings choose.
    fn adapted_by(&self, config: &LoraConfig, origin: &str) -> Result<HashSet<String>, Error> {
        let names = self.decoder.linears().map(|(name, _)| name).collect();
        config.targets.select(names, origin)
    }

    fn lora_weights(&self) -> impl Iterator<Item = (String, Weight)> {
        self.lora_parameters().into_iter().map(|(name, tensor)| (name, Weight::Placed(tensor)))
    }

    fn adopt(&mut self, config: LoraConfig) {
        self.lora = Some(config);
        self.switch = LoraSwitch::On;
    }
}

impl LoadedLora {
    /// As [`CausalLm::adapter_hash`], were it the model's own.
    pub(crate) fn hash(&self) -> ContentHash {
        hash(&self.config, self.matrices())
    }
}

fn hash(config: &LoraConfig, matrices: Vec<(String, Tensor)>) -> ContentHash {
    let hashed = |(name, tensor): (String, Tensor)| {
        let weight = Weight::Placed(tensor);
        (name, weight.shape(), weight.hash())
    };
    let matrices: Vec<_> = matrices.into_iter().map(hashed).collect();
    // Dropout has no part in what a finished adapter computes.
    let kind = if config.rslora { "thinksafe.adapter.rslora" } else { "thinksafe.adapter" };
    ContentHash::of(kind, &(config.rank, config.alpha, matrices))
}

fn no_adapter(operation: &'static str) -> Error {
    Error::Adapter { operation, needed: "a LoRA adapter", found: "none" }
}

#[cfg(test)]
mod tests;
