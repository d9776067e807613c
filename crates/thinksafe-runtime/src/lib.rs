//! Decoder models, KV cache, batch generation and LoRA on libtorch.
//!
//! ```text
//! config.json ──▶ ModelConfig ─┐
//! *.safetensors ──────────────▶ CausalLm ──hidden_states──▶ project ──▶ losses (training, no cache)
//! PEFT adapter ───────────────▶    │
//!                                  └─▶ LocalGenerator: requests ─▶ batch over a KV cache ─▶ completions
//! ```
//!
//! One decoder implementation serves Qwen3, Qwen2, Llama, Mistral, Gemma 2 and Granite; one copy of its weights serves generation, training
//! and evaluation. The layers are written once: what differs between training and generation is what the queries attend
//! to.
//!
//! # Shapes
//! B batch, T query length, S key length, H heads, K kv heads, D head dim, E embed, V vocab.
//!
//! # Panics
//! tch operations panic inside forward passes if libtorch fails, in effect only when memory runs out: shapes, dtypes and
//! devices are proved when a model is built.

mod cpu;
mod device;
mod engine;
mod error;
#[cfg(test)]
mod fixture;
mod fused;
mod host;
mod lora;
mod model;
mod native;
mod pattern;
mod torch;

pub use device::{Device, Placement, Precision};
pub use engine::{
    Asked, Draw, Drawn, DrawnLogprobs, EngineOptions, EngineProgress, LocalGenerator, Watch,
    draw_token,
};
pub use error::{Backend, Error};
pub use lora::{LoraConfig, LoraSwitch, Modules, Targets};
pub use model::{
    Activation, Architecture, CausalLm, Gradients, Mode, ModelConfig, PackedBatch, PaddedBatch,
    PassOptions, Recompute, Rope, RopeScaling, Scales, TrainingPass, VocabularyLoss,
};
pub use pattern::Pattern;
pub use torch::{CudaAttention, CudaLaunch, CudaOptions};
