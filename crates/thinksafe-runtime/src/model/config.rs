//! What a decoder looks like: the validated form of Hugging Face's `config.json`.

use std::path::Path;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::Error;
use crate::model::rope::Rope;

mod reading;
mod scales;
#[cfg(test)]
mod tests;

pub use scales::Scales;

/// The architectures that the one decoder covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub enum Architecture {
    /// `LlamaForCausalLM`: Llama 2, 3.x, Llama-Guard-3, R1-Distill-Llama.
    Llama,
    /// `MistralForCausalLM`: sliding window on every layer, if any.
    Mistral,
    /// `Qwen2ForCausalLM`: bias on q, k and v; R1-Distill-Qwen.
    Qwen2,
    /// `Qwen3ForCausalLM`: RMS norm on each query and key head.
    Qwen3,
    /// `Gemma2ForCausalLM`: Gemma 2, ShieldGemma. GELU, norms behind each block too, soft caps, every other layer windowed.
    Gemma2,
    /// `GraniteForCausalLM`: Granite 3.x, Granite Guardian. Llama with multipliers at four places.
    Granite,
}

/// The activation of the feed-forward block's gate, by the names of `transformers`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub enum Activation {
    /// `silu`.
    Silu,
    /// `gelu_pytorch_tanh`: GELU in its approximation by a hyperbolic tangent.
    GeluTanh,
}

impl From<Activation> for thinksafe_kernels::Activation {
    fn from(activation: Activation) -> Self {
        match activation {
            Activation::Silu => Self::Silu,
            Activation::GeluTanh => Self::GeluTanh,
        }
    }
}

/// A decoder's dimensions and switches, all of them checked.
///
/// Fields and defaults are those of `transformers`; the field names of both its 4.x (`rope_theta`, `rope_scaling`,
/// `torch_dtype`) and 5.x (`rope_parameters`, `dtype`) files are read.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ModelConfig {
    /// The family, which decides how the file is read. What it means for the numbers is in the other fields.
    pub architecture: Architecture,
    /// V.
    pub vocab_size: i64,
    /// E.
    pub hidden_size: i64,
    /// Width of the MLP.
    pub intermediate_size: i64,
    /// Number of decoder layers.
    pub layers: usize,
    /// H.
    pub heads: i64,
    /// K, a divisor of H.
    pub kv_heads: i64,
    /// D, even; not always E / H.
    pub head_dim: i64,
    /// The longest sequence, prompt and output together.
    pub max_position_embeddings: usize,
    /// Added to the mean square in every RMS norm.
    pub rms_norm_eps: f64,
    /// Rotary position embedding.
    pub rope: Rope,
    /// Whether the output head is the embedding matrix.
    pub tie_word_embeddings: bool,
    /// Whether `q_proj`, `k_proj` and `v_proj` have a bias.
    pub qkv_bias: bool,
    /// Whether `o_proj` has a bias.
    pub o_bias: bool,
    /// Whether the MLP's projections have biases.
    pub mlp_bias: bool,
    /// Whether each query and key head passes through an RMS norm.
    pub qk_norm: bool,
    /// Whether the results of attention and MLP pass through an RMS norm of their own before they are added.
    pub post_norms: bool,
    /// Whether RMS norms multiply by one plus their weight, in f32, and round once.
    pub unit_offset_norms: bool,
    /// What gates the MLP.
    pub activation: Activation,
    /// Factors and soft caps.
    pub scales: Scales,
    /// The share of attention weights that `transformers` drops in training. Nothing is dropped here, so trainers refuse
    /// a model that asks for it.
    pub attention_dropout: f64,
    /// For each layer how many positions a token sees, itself included; `None` for all before it.
    pub windows: Vec<Option<i64>>,
    /// Standard deviation of random weights.
    pub initializer_range: f64,
    /// `eos_token_id`: a hint; the chat template's ids decide when generation ends.
    pub eos_token_ids: Vec<u32>,
    /// `bos_token_id`.
    pub bos_token_id: Option<u32>,
    #[serde(skip)]
    json: Map<String, Value>,
}

impl ModelConfig {
    /// Reads a `config.json`.
    ///
    /// # Errors
    /// [`Error::Shared`] if it cannot be read or is no JSON, else as [`Self::from_json`].
    pub fn from_file(path: &Path) -> Result<Self, Error> {
        let json: Map<String, Value> = thinksafe_core::fs::read_json(path, "model configuration")?;
        Self::from_map(json, path)
    }

    /// Reads the text of a `config.json`; `path` is what errors name.
    ///
    /// # Errors
    /// [`Error::Config`] with the first field that is missing, out of range or not supported: an architecture,
    /// activation, RoPE type or quantization other than those documented here is refused, never ignored.
    pub fn from_json(text: &str, path: &Path) -> Result<Self, Error> {
        let json = serde_json::from_str(text).map_err(|source| thinksafe_core::Error::Parse {
            path: path.to_owned(),
            line: source.line(),
            expected: "model configuration",
            source,
        })?;
        Self::from_map(json, path)
    }

    /// The file it was read from, field by field.
    pub fn json(&self) -> &Map<String, Value> {
        &self.json
    }

    /// The ratio H / K: how many query heads share a key and value head.
    pub fn queries_per_kv_head(&self) -> i64 {
        self.heads / self.kv_heads
    }

    /// The names of the norms in a layer.
    pub(crate) fn norm_names(&self) -> NormNames {
        if self.post_norms {
            NormNames {
                inner: "pre_feedforward_layernorm",
                after_attention: Some("post_attention_layernorm"),
                after_mlp: Some("post_feedforward_layernorm"),
            }
        } else {
            NormNames { inner: "post_attention_layernorm", after_attention: None, after_mlp: None }
        }
    }
}

/// The norms of a layer that not all architectures call by the same name; the first is `input_layernorm` in all.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NormNames {
    /// Before the MLP.
    pub(crate) inner: &'static str,
    /// Behind attention.
    pub(crate) after_attention: Option<&'static str>,
    /// Behind the MLP.
    pub(crate) after_mlp: Option<&'static str>,
}
