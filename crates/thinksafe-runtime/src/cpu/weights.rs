//! Packs a model's weights for decoding.

use std::collections::HashMap;

use half::bf16;
use tch::Tensor;
use thinksafe_kernels::{Element, PackedMatrix};

use crate::cpu::decoder::{CpuDecoder, Vocabulary};
use crate::cpu::layer::{Angles, Heads, Layer, Scratch};
use crate::cpu::linear::Linear;
use crate::cpu::low_rank::LowRank;
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

/// A model's weights by name, and what of the adapter is switched on.
struct Tensors<'a> {
    base: HashMap<String, &'a Weight>,
    adapter: HashMap<String, Tensor>,
    scaling: f64,
}

impl<W: Stored> CpuDecoder<W> {
    /// Packs the model's weights, and its adapter if that is switched on.
    pub(crate) fn new(model: &CausalLm) -> Self {
        let config = model.config();
        let tensors = Tensors::of(model);
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
    fn of(model: &'a CausalLm) -> Self {
        let adapter = if model.adapter_is_on() { model.lora_parameters() } else { Vec::new() };
        Self {
            base: model.weights().into_iter().collect(),
            adapter: adapter.into_iter().collect(),
            scaling: model.lora_config().map_or(0.0, crate::LoraConfig::scaling),
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
        let (mut weight, mut bias, mut low_rank) = (Vec::new(), Vec::new(), Vec::new());
        let (mut outputs, mut inputs) = (0, 0);
        for name in names {
            let matrix = self.base[&format!("{name}.weight")];
            let [rows, columns] = matrix.shape()[..] else {
                unreachable!("a projection's weight is [out, in]")
            };
            inputs = columns as usize;
            if let Some((a, b)) = self.low_rank(name) {
                low_rank.push((outputs, a, b));
            }
            outputs += rows as usize;
            weight.extend(W::values(matrix));
            bias.extend(self.optional(&format!("{name}.bias")).unwrap_or_default());
        }
        let bias = (!bias.is_empty()).then_some(bias);
        let delta = (!low_rank.is_empty()).then(|| LowRank::new(inputs, &low_rank));
        Linear::new(PackedMatrix::new(&weight, outputs, inputs), bias, delta)
    }

    /// A and scaled B of a projection's adapter.
    fn low_rank(&self, name: &str) -> Option<(Vec<f32>, Vec<f32>)> {
        let matrix = |matrix| self.adapter.get(&crate::lora::peft_name(name, matrix));
        let (a, b) = (matrix("lora_A")?, matrix("lora_B")?);
        let values = |tensor| f32::values(&Weight::Placed(tensor));
        Some((values(a.detach()), values(b.detach() * self.scaling)))
    }
}
