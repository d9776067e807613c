//! Packs a model's weights for decoding.

use std::collections::HashMap;

use half::bf16;
use tch::Tensor;
use thinksafe_kernels::{Element, PackedMatrix};

use crate::cpu::decoder::{CpuDecoder, Vocabulary};
use crate::cpu::layer::{Angles, Heads, Layer, Scratch};
use crate::cpu::linear::Linear;
use crate::cpu::low_rank::{Deltas, LowRank};
use crate::lora::LoadedLora;
use crate::model::weight::Weight;
use crate::model::{CausalLm, ModelConfig};

/// A storage format of weights.
pub(crate) trait Stored: Element {
    /// A weight's values, row by row, in this format.
    fn values(weight: &Weight) -> Vec<Self> {
        weight.values(0..weight.len())
    }
}

impl Stored for f32 {}

impl Stored for bf16 {}

/// A model's weights by name, and its adapters: its own if that is switched on, then others.
struct Tensors<'a> {
    base: HashMap<String, &'a Weight>,
    adapters: Vec<Factors>,
}

/// The matrices of an adapter by their PEFT names.
struct Factors {
    matrices: HashMap<String, Tensor>,
    scaling: f64,
}

impl<W: Stored> CpuDecoder<W> {
    /// Packs the model's weights, its adapter if that is switched on, and others.
    pub(crate) fn new(model: &CausalLm, others: &[LoadedLora]) -> Self {
        let config = model.config();
        let tensors = Tensors::of(model, others);
        let [vocab, hidden] = [config.vocab_size, config.hidden_size].map(|n| n as usize);
        let embedding = tensors.matrix::<W>("model.embed_tokens.weight");
        let vocabulary = if config.tie_word_embeddings {
            Vocabulary { head: PackedMatrix::new(&embedding, vocab, hidden), embedding: None }
        } else {
            let head = tensors.matrix::<W>("lm_head.weight");
            let head = PackedMatrix::new(&head, vocab, hidden);
            Vocabulary { head, embedding: Some(embedding) }
        };
        Self {
            vocabulary,
            layers: (0..config.layers).map(|i| tensors.layer(config, i)).collect(),
            norm: tensors.matrix("model.norm.weight"),
            heads: heads(config),
            frequencies: config.rope.inverse_frequencies(config.head_dim),
            scratch: Scratch::default(),
            angles: Angles::default(),
        }
    }
}

fn heads(config: &ModelConfig) -> Heads {
    Heads {
        heads: config.heads as usize,
        kv_heads: config.kv_heads as usize,
        dim: config.head_dim as usize,
        epsilon: config.rms_norm_eps as f32,
    }
}

impl<'a> Tensors<'a> {
    fn of(model: &'a CausalLm, others: &[LoadedLora]) -> Self {
        let own = if model.adapter_is_on() { model.lora_parameters() } else { Vec::new() };
        let own = Factors {
            matrices: own.into_iter().collect(),
            scaling: model.lora_config().map_or(0.0, crate::LoraConfig::scaling),
        };
        let others = others.iter().map(|other| Factors {
            matrices: other.matrices().into_iter().collect(),
            scaling: other.config.scaling(),
        });
        Self {
            base: model.weights().into_iter().collect(),
            adapters: std::iter::once(own).chain(others).collect(),
        }
    }

    fn matrix<W: Stored>(&self, name: &str) -> Vec<W> {
        W::values(self.base[name])
    }

    fn optional(&self, name: &str) -> Option<Vec<f32>> {
        self.base.get(name).map(|weight| f32::values(weight))
    }

    fn layer<W: Stored>(&self, config: &ModelConfig, index: usize) -> Layer<W> {
        let name = |part: &str| format!("model.layers.{index}.{part}");
        let linear =
            |parts: &[&str]| self.linear(&parts.iter().map(|p| name(p)).collect::<Vec<_>>());
        Layer {
            qkv: linear(&["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"]),
            o: linear(&["self_attn.o_proj"]),
            gate_up: linear(&["mlp.gate_proj", "mlp.up_proj"]),
            down: linear(&["mlp.down_proj"]),
            input_norm: self.matrix(&name("input_layernorm.weight")),
            inner_norm: self.matrix(&name("post_attention_layernorm.weight")),
            q_norm: self.optional(&name("self_attn.q_norm.weight")),
            k_norm: self.optional(&name("self_attn.k_norm.weight")),
            window: config.windows[index].map(|window| window as usize),
        }
    }

    /// Projections of the same input, one below the other.
    fn linear<W: Stored>(&self, names: &[String]) -> Linear<W> {
        let (mut weight, mut bias) = (Vec::new(), Vec::new());
        let mut parts: Vec<Vec<_>> = self.adapters.iter().map(|_| Vec::new()).collect();
        let (mut outputs, mut inputs) = (0, 0);
        for name in names {
            let matrix = self.base[&format!("{name}.weight")];
            let [rows, columns] = matrix.shape()[..] else {
                unreachable!("a projection's weight is [out, in]")
            };
            inputs = columns as usize;
            for (factors, parts) in self.adapters.iter().zip(&mut parts) {
                parts.extend(factors.of(name).map(|(a, b)| (outputs, a, b)));
            }
            outputs += rows as usize;
            weight.extend(W::values(matrix));
            bias.extend(self.optional(&format!("{name}.bias")).unwrap_or_default());
        }
        let bias = (!bias.is_empty()).then_some(bias);
        let delta = |parts: Vec<_>| (!parts.is_empty()).then(|| LowRank::new(inputs, &parts));
        let deltas = Deltas::new(parts.into_iter().map(delta).collect());
        Linear::new(PackedMatrix::new(&weight, outputs, inputs), bias, deltas)
    }
}

impl Factors {
    /// A and scaled B of a projection, if it is adapted.
    fn of(&self, name: &str) -> Option<(Vec<f32>, Vec<f32>)> {
        let matrix = |matrix| self.matrices.get(&crate::lora::peft_name(name, matrix));
        let (a, b) = (matrix("lora_A")?, matrix("lora_B")?);
        let values = |tensor| f32::values(&Weight::Placed(tensor));
        Some((values(a.detach()), values(b.detach() * self.scaling)))
    }
}
