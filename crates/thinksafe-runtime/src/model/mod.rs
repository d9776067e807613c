//! Decoder models: configuration, weights and forward passes.

pub(crate) mod attention;
mod batch;
mod causal_lm;
mod config;
mod config_json;
mod convert;
pub(crate) mod decoder;
mod linear;
mod lora;
mod mapped;
mod mlp;
mod norm;
mod random;
mod rope;
mod save;
pub(crate) mod scores;
#[cfg(test)]
mod tests;
mod training;
pub(crate) mod weight;
mod weights;

pub use batch::{Mode, PaddedBatch};
pub use causal_lm::CausalLm;
pub use config::{Activation, Architecture, ModelConfig, Scales};
pub use rope::{Rope, RopeScaling};
pub use training::{Gradients, PackedBatch, PassOptions, Recompute, TrainingPass, VocabularyLoss};
