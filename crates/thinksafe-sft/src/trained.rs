//! The parameters that a run trains.

use tch::{Kind, Tensor};
use thinksafe_runtime::{CausalLm, LoraConfig, LoraSwitch, Pattern};

use crate::Error;
use crate::config::{SftConfig, Trainable};

/// The parameters to train, by name. An adapter is attached if there is to be one and is none.
pub(crate) fn trained_parameters(
    model: &mut CausalLm,
    config: &SftConfig,
) -> Result<Vec<(String, Tensor)>, Error> {
    let parameters = match config.trainable {
        Trainable::Lora => adapter(model, config)?,
        Trainable::All => weights(model, config)?,
    };
    thaw(parameters, &config.frozen)
}

fn adapter(model: &mut CausalLm, config: &SftConfig) -> Result<Vec<(String, Tensor)>, Error> {
    if model.lora_parameters().is_empty() {
        model.attach_lora(LoraConfig::default(), config.seed.purpose("sft.lora"))?;
    }
    model.set_lora(LoraSwitch::On);
    Ok(model.lora_parameters())
}

fn weights(model: &CausalLm, config: &SftConfig) -> Result<Vec<(String, Tensor)>, Error> {
    if !model.lora_parameters().is_empty() {
        return refuse("trainable", "all weights cannot be trained while an adapter is attached");
    }
    if config.objective.needs_reference() {
        let reason = "KL needs an adapter: its reference is the model with the adapter off";
        return refuse("objective", reason);
    }
    let parameters = model.parameters();
    if parameters.iter().any(|(_, tensor)| tensor.kind() != Kind::Float) {
        return refuse("trainable", "all weights can be trained only in f32");
    }
    Ok(parameters)
}

/// Leaves out what is frozen.
fn thaw(
    mut parameters: Vec<(String, Tensor)>,
    frozen: &[Pattern],
) -> Result<Vec<(String, Tensor)>, Error> {
    let matches_none =
        |pattern: &&Pattern| !parameters.iter().any(|(name, _)| pattern.matches(name));
    if let Some(pattern) = frozen.iter().find(matches_none) {
        let example = parameters.first().map_or("", |(name, _)| name);
        let pattern = pattern.as_str();
        return refuse("frozen", format!("`{pattern}` matches no parameter, such as {example}"));
    }
    parameters.retain(|(name, _)| !frozen.iter().any(|pattern| pattern.matches(name)));
    if parameters.is_empty() {
        return refuse("frozen", "nothing is left to train");
    }
    Ok(parameters)
}

fn refuse<T>(field: &'static str, reason: impl Into<String>) -> Result<T, Error> {
    Err(Error::Config { field, reason: reason.into() })
}
