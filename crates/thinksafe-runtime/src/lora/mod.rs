//! Low-rank adapters (LoRA; Hu et al., 2021) with PEFT's formulas and files.
//!
//! `y = W x + B A dropout(x) * alpha / rank`, or alpha / sqrt(rank) (rsLoRA), A and B in f32 over a base of any precision: the
//! input is widened for the adapter, the sum is rounded to the base's precision, as PEFT does with its default
//! `autocast_adapter_dtype`.

mod config;
mod loaded;
mod peft;
mod targets;
mod training;

pub use config::LoraConfig;
pub(crate) use loaded::LoadedLora;
pub(crate) use peft::{PeftFolder, peft_name};
pub use targets::{Modules, Targets};

use tch::{Kind, Tensor};
use thinksafe_core::seed::Seed;

/// Whether an attached adapter takes part in forward passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a switch")]
pub enum LoraSwitch {
    /// The adapted model.
    On,
    /// The base model: the frozen reference of the adapted one.
    Off,
}

/// What the adapters do in one forward pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delta {
    /// Nothing: the base model.
    Left,
    /// Added to the base projections, with dropout before A in training.
    Added {
        /// Whether dropout is drawn, from libtorch's global generator.
        dropout: bool,
    },
}

/// The adapter of one projection.
#[derive(Debug)]
pub(crate) struct Adapter {
    a: Tensor, // [rank, in], f32
    b: Tensor, // [out, rank], f32
    scaling: f64,
    dropout: f64,
}

impl Adapter {
    /// A fresh adapter: A uniform within 1 / sqrt(in) (Kaiming with a = sqrt 5), B zero, so that it changes nothing.
    pub(crate) fn fresh(
        config: &LoraConfig,
        [input, output]: [i64; 2],
        seed: Seed,
        device: tch::Device,
    ) -> Self {
        let rank = i64::from(config.rank);
        let bound = 1.0 / (input as f64).sqrt();
        let stream = seed.stream();
        let values: Vec<f32> = (0..(rank * input) as u64)
            .map(|i| (bound * (2.0 * stream.uniform(i) - 1.0)) as f32)
            .collect();
        let a = Tensor::from_slice(&values).view([rank, input]).to_device(device);
        let b = Tensor::zeros([output, rank], (Kind::Float, device));
        Self::new(config, a, b)
    }

    /// An adapter of given matrices in f32, which from now on collect gradients.
    pub(crate) fn new(config: &LoraConfig, a: Tensor, b: Tensor) -> Self {
        let (a, b) = (a.set_requires_grad(true), b.set_requires_grad(true));
        Self { a, b, scaling: config.scaling(), dropout: config.dropout }
    }

    /// The base projection's result with the delta added, in the result's precision.
    pub(crate) fn add_to(&self, base: &Tensor, x: &Tensor, dropout: bool) -> Tensor {
        let mut x = x.to_kind(Kind::Float);
        if dropout && self.dropout > 0.0 {
            x = x.dropout(self.dropout, true);
        }
        let low = x.linear(&self.a, None::<&Tensor>);
        let delta = low.linear(&self.b, None::<&Tensor>) * self.scaling;
        (base + delta).to_kind(base.kind())
    }

    /// `B A`, scaled, `[out, in]`, detached.
    pub(crate) fn product(&self) -> Tensor {
        tch::no_grad(|| self.b.matmul(&self.a) * self.scaling)
    }

    /// A and B with PEFT's names for them.
    pub(crate) fn matrices(&self) -> [(&'static str, &Tensor); 2] {
        [("lora_A", &self.a), ("lora_B", &self.b)]
    }
}
