//! Packs a model's weights for decoding.

use std::collections::HashMap;

use thinksafe_kernels::{Arithmetic, Element, Level, PackedMatrix};

use crate::cpu::decoder::CpuDecoder;
use crate::cpu::layer::{Heads, Layer, Scratch};
use crate::cpu::linear::Linear;
use crate::cpu::low_rank::{Deltas, LowRank};
use crate::lora::LoadedLora;
use crate::model::weight::Weight;
use crate::model::{CausalLm, ModelConfig};

/// A model's weights by name, and its adapters: its own if that is switched on, then others.
struct Tensors<'a> {
    base: HashMap<String, &'a Weight>,
    adapters: Vec<Factors>,
    /// Whether matrices are kept compact.
    compact: bool,
}

/// Weights of a model from which on they are kept compact: so many that they come from memory at every step, which then takes longer
/// than unpacking them.
const MANY: usize = 1 << 28;

/// The matrices of an adapter by their PEFT names.
struct Factors {
    matrices: HashMap<String, tch::Tensor>,
    scaling: f64,
}

impl CpuDecoder {
    /// Packs the model's weights, its adapter if that is switched on, and others.
    pub(crate) fn new(model: &CausalLm, others: &[LoadedLora], arithmetic: Arithmetic) -> Self {
        let config = model.config();
        let (tensors, scales) = (Tensors::of(model, others), config.scales);
        let embedding = tensors.packed(&["model.embed_tokens.weight".to_owned()]);
        let (head, embedding) = if config.tie_word_embeddings {
            (embedding, None)
        } else {
            (tensors.packed(&["lm_head.weight".to_owned()]), Some(embedding))
        };
        Self {
            head,
            embedding,
            layers: (0..config.layers).map(|i| tensors.layer(config, i)).collect(),
            norm: tensors.norm(config, "model.norm"),
            embedding_scale: scales.embedding_in(model.placement().precision) as f32,
            logit_divisor: scales.logits as f32,
            logit_cap: scales.logit_cap.map(|cap| cap as f32),
            heads: heads(config),
            frequencies: config.rope.inverse_frequencies(config.head_dim),
            scratch: Scratch::new(arithmetic),
            turns: Vec::new(),
        }
    }

    /// Takes the adapters' matrices anew; the packed weights stay.
    pub(crate) fn renew_adapters(&mut self, model: &CausalLm, others: &[LoadedLora]) {
        let tensors = Tensors::of(model, others);
        for (index, layer) in self.layers.iter_mut().enumerate() {
            let linears = [
                (QKV, &mut layer.qkv),
                (O, &mut layer.o),
                (GATE_UP, &mut layer.gate_up),
                (DOWN, &mut layer.down),
            ];
            for (parts, linear) in linears {
                linear.deltas = tensors.deltas(&in_layer(index, parts), linear.weight.inputs());
            }
        }
    }
}

/// The projections of a layer, those of one input together.
const QKV: &[&str] = &["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"];
const O: &[&str] = &["self_attn.o_proj"];
const GATE_UP: &[&str] = &["mlp.gate_proj", "mlp.up_proj"];
const DOWN: &[&str] = &["mlp.down_proj"];

fn in_layer(index: usize, parts: &[&str]) -> Vec<String> {
    parts.iter().map(|part| format!("model.layers.{index}.{part}")).collect()
}

fn heads(config: &ModelConfig) -> Heads {
    Heads {
        heads: config.heads as usize,
        kv_heads: config.kv_heads as usize,
        dim: config.head_dim as usize,
        epsilon: config.rms_norm_eps as f32,
        scale: config.scales.attention as f32,
        score_cap: config.scales.attention_cap.map(|cap| cap as f32),
        residual: config.scales.residual as f32,
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
        let base: HashMap<String, &Weight> = model.weights().into_iter().collect();
        let compact = base.values().map(|weight| weight.len()).sum::<usize>() >= MANY;
        Self { base, adapters: std::iter::once(own).chain(others).collect(), compact }
    }

    /// What a norm multiplies by.
    fn norm(&self, config: &ModelConfig, name: &str) -> Vec<f32> {
        let weight = self.base[&format!("{name}.weight")];
        let mut factors = weight.values(0..weight.len());
        if config.unit_offset_norms {
            for factor in &mut factors {
                *factor += 1.0;
            }
        }
        factors
    }

    fn optional(&self, name: &str) -> Option<Vec<f32>> {
        self.base.get(name).map(|weight| weight.values(0..weight.len()))
    }

    /// Matrices of the same input, one below the other.
    fn packed(&self, names: &[String]) -> PackedMatrix {
        let matrices: Vec<&Weight> = names.iter().map(|name| self.base[name]).collect();
        let [outputs, inputs] = matrices.iter().fold([0, 0], |[outputs, _], matrix| {
            let [rows, columns] = matrix.shape()[..] else {
                unreachable!("a projection's weight is [out, in]")
            };
            [outputs + rows as usize, columns as usize]
        });
        let packed = if matrices.iter().all(|matrix| matrix.fits_bf16()) {
            PackedMatrix::from_bf16(&joined(&matrices), outputs, inputs)
        } else {
            PackedMatrix::new(&joined(&matrices), outputs, inputs)
        };
        if self.compact { packed.compact(Level::detect()) } else { packed }
    }

    fn layer(&self, config: &ModelConfig, index: usize) -> Layer {
        let name = |part: &str| format!("model.layers.{index}.{part}");
        let linear = |parts: &[&str]| self.linear(&in_layer(index, parts));
        let (names, norm) = (config.norm_names(), |part: &str| self.norm(config, &name(part)));
        Layer {
            qkv: linear(QKV),
            o: linear(O),
            gate_up: linear(GATE_UP),
            down: linear(DOWN),
            input_norm: norm("input_layernorm"),
            inner_norm: norm(names.inner),
            after_attention: names.after_attention.map(norm),
            after_mlp: names.after_mlp.map(norm),
            activation: config.activation.into(),
            q_norm: self.optional(&name("self_attn.q_norm.weight")),
            k_norm: self.optional(&name("self_attn.k_norm.weight")),
            window: config.windows[index].map(|window| window as usize),
        }
    }

    /// Projections of the same input, side by side.
    fn linear(&self, names: &[String]) -> Linear {
        let weights: Vec<String> = names.iter().map(|name| format!("{name}.weight")).collect();
        let weight = self.packed(&weights);
        let bias: Vec<f32> =
            names.iter().filter_map(|n| self.optional(&format!("{n}.bias"))).flatten().collect();
        let deltas = self.deltas(names, weight.inputs());
        Linear { weight, bias: (!bias.is_empty()).then_some(bias), deltas }
    }

    /// What the adapters add to projections of the same input.
    fn deltas(&self, names: &[String], inputs: usize) -> Deltas {
        let deltas = self.adapters.iter().map(|factors| {
            let mut parts = Vec::new();
            let mut from = 0;
            for name in names {
                parts.extend(factors.of(name).map(|(a, b)| (from, a, b)));
                from += self.base[&format!("{name}.weight")].shape()[0] as usize;
            }
            (!parts.is_empty()).then(|| LowRank::new(inputs, &parts))
        });
        Deltas::new(deltas.collect())
    }
}

/// The values of all matrices, one after the other.
fn joined<T: Element>(matrices: &[&Weight]) -> Vec<T> {
    let mut parts = matrices.iter().map(|matrix| matrix.values(0..matrix.len()));
    let mut values = parts.next().unwrap_or_default();
    parts.for_each(|mut part| values.append(&mut part));
    values
}

impl Factors {
    /// A and scaled B of a projection, if it is adapted.
    fn of(&self, name: &str) -> Option<(Vec<f32>, Vec<f32>)> {
        let matrix = |matrix| self.matrices.get(&crate::lora::peft_name(name, matrix));
        let (a, b) = (matrix("lora_A")?, matrix("lora_B")?);
        let values = |tensor| {
            let weight = Weight::Placed(tensor);
            weight.values(0..weight.len())
        };
        Some((values(a.detach()), values(b.detach() * self.scaling)))
    }
}
