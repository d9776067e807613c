//! What a decoder looks like: the validated form of Hugging Face's `config.json`.

use std::path::Path;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::Error;
use crate::model::config_json::Fields;
use crate::model::rope::{Rope, RopeScaling};

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
}

/// A decoder's dimensions and switches, all of them checked.
///
/// Fields and defaults are those of `transformers`; the field names of both its 4.x (`rope_theta`, `rope_scaling`,
/// `torch_dtype`) and 5.x (`rope_parameters`, `dtype`) files are read.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ModelConfig {
    /// The family, which decides on biases, qk-norm and windows.
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

    fn from_map(json: Map<String, Value>, path: &Path) -> Result<Self, Error> {
        let fields = Fields::new(&json, path.display().to_string());
        let architecture = architecture(&fields)?;
        refuse_unsupported(&fields)?;
        let layers = fields.size("num_hidden_layers")? as usize;
        let hidden_size = fields.size("hidden_size")?;
        let (heads, kv_heads, head_dim) = heads(&fields, architecture, hidden_size)?;
        let attention_bias = match architecture {
            Architecture::Llama | Architecture::Qwen3 => fields.flag("attention_bias", false)?,
            Architecture::Mistral | Architecture::Qwen2 => false,
        };
        let config = Self {
            architecture,
            vocab_size: fields.size("vocab_size")?,
            hidden_size,
            intermediate_size: fields.size("intermediate_size")?,
            layers,
            heads,
            kv_heads,
            head_dim,
            max_position_embeddings: fields.size("max_position_embeddings")? as usize,
            rms_norm_eps: fields.positive("rms_norm_eps", Some(1e-6))?,
            rope: rope(&fields)?,
            tie_word_embeddings: fields.flag("tie_word_embeddings", false)?,
            qkv_bias: attention_bias || architecture == Architecture::Qwen2,
            o_bias: attention_bias,
            mlp_bias: architecture == Architecture::Llama && fields.flag("mlp_bias", false)?,
            qk_norm: architecture == Architecture::Qwen3,
            windows: windows(&fields, architecture, layers)?,
            initializer_range: fields.positive("initializer_range", Some(0.02))?,
            eos_token_ids: fields.ids("eos_token_id")?,
            bos_token_id: fields.ids("bos_token_id")?.first().copied(),
            json: Map::new(),
        };
        Ok(Self { json, ..config })
    }
}

fn architecture(fields: &Fields<'_>) -> Result<Architecture, Error> {
    let named = fields.get("architectures").and_then(|a| a.get(0)).and_then(Value::as_str);
    let (field, name) = match named {
        Some(name) => ("architectures", name),
        None => ("model_type", fields.text("model_type")?),
    };
    match name {
        "LlamaForCausalLM" | "llama" => Ok(Architecture::Llama),
        "MistralForCausalLM" | "mistral" => Ok(Architecture::Mistral),
        "Qwen2ForCausalLM" | "qwen2" => Ok(Architecture::Qwen2),
        "Qwen3ForCausalLM" | "qwen3" => Ok(Architecture::Qwen3),
        _ => Err(fields.wrong(
            field,
            "LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM or Qwen3ForCausalLM",
        )),
    }
}

/// Refuses what would change the numbers and is not implemented.
fn refuse_unsupported(fields: &Fields<'_>) -> Result<(), Error> {
    for field in [
        "quantization_config",
        "num_experts",
        "num_local_experts",
        "attn_logit_softcapping",
        "final_logit_softcapping",
    ] {
        if fields.get(field).is_some() {
            return Err(fields.wrong(field, "absent or null (not supported)"));
        }
    }
    if fields.get("hidden_act").is_some_and(|v| v != "silu") {
        return Err(fields.wrong("hidden_act", "silu"));
    }
    for (field, only) in [("attention_dropout", 0.0), ("partial_rotary_factor", 1.0)] {
        if fields.get(field).is_some_and(|v| v.as_f64() != Some(only)) {
            return Err(fields.wrong(field, &format!("{only:?}")));
        }
    }
    Ok(())
}

fn heads(
    fields: &Fields<'_>,
    architecture: Architecture,
    hidden_size: i64,
) -> Result<(i64, i64, i64), Error> {
    let heads = fields.size("num_attention_heads")?;
    let kv_heads = match fields.get("num_key_value_heads") {
        Some(_) => fields.size("num_key_value_heads")?,
        // Mistral's class default; the others default to one key head for each query head.
        None if architecture == Architecture::Mistral => 8,
        None => heads,
    };
    if heads % kv_heads != 0 {
        return Err(fields.wrong("num_key_value_heads", &format!("a divisor of {heads}")));
    }
    let head_dim = match fields.get("head_dim") {
        Some(_) => fields.size("head_dim")?,
        None if architecture == Architecture::Qwen3 => 128,
        None if hidden_size % heads == 0 => hidden_size / heads,
        None => {
            let expected =
                format!("a divisor of hidden_size {hidden_size} as there is no head_dim");
            return Err(fields.wrong("num_attention_heads", &expected));
        }
    };
    if head_dim % 2 != 0 {
        return Err(fields.wrong("head_dim", "an even number"));
    }
    Ok((heads, kv_heads, head_dim))
}

fn rope(fields: &Fields<'_>) -> Result<Rope, Error> {
    let nested = match fields.object("rope_parameters")? {
        Some(nested) => Some(nested),
        None => fields.object("rope_scaling")?,
    };
    let Some(nested) = nested else {
        return Ok(Rope { theta: fields.positive("rope_theta", Some(10_000.0))?, scaling: None });
    };
    let theta = match nested.get("rope_theta") {
        Some(_) => nested.positive("rope_theta", None)?,
        None => fields.positive("rope_theta", Some(10_000.0))?,
    };
    if nested.get("partial_rotary_factor").is_some_and(|v| v.as_f64() != Some(1.0)) {
        return Err(nested.wrong("partial_rotary_factor", "1.0"));
    }
    let field = if nested.get("rope_type").is_some() { "rope_type" } else { "type" };
    let scaling = match nested.get(field).and_then(Value::as_str) {
        Some("default") => None,
        None if nested.get(field).is_none() && nested.get("factor").is_none() => None,
        Some("linear") => Some(RopeScaling::Linear { factor: nested.positive("factor", None)? }),
        Some("llama3") => Some(llama3(&nested)?),
        _ => return Err(nested.wrong(field, "default, linear or llama3")),
    };
    Ok(Rope { theta, scaling })
}

fn llama3(nested: &Fields<'_>) -> Result<RopeScaling, Error> {
    let low_freq_factor = nested.positive("low_freq_factor", None)?;
    let high_freq_factor = nested.positive("high_freq_factor", None)?;
    if high_freq_factor <= low_freq_factor {
        return Err(nested.wrong("high_freq_factor", &format!("above {low_freq_factor}")));
    }
    Ok(RopeScaling::Llama3 {
        factor: nested.positive("factor", None)?,
        low_freq_factor,
        high_freq_factor,
        original_max_position_embeddings: nested.size("original_max_position_embeddings")?,
    })
}

fn windows(
    fields: &Fields<'_>,
    architecture: Architecture,
    layers: usize,
) -> Result<Vec<Option<i64>>, Error> {
    let window = |default| match fields.value("sliding_window") {
        // An explicit null is "no window"; an absent field has the class's default.
        Some(Value::Null) => Ok(None),
        None => Ok(Some(default)),
        Some(_) => fields.size("sliding_window").map(Some),
    };
    match architecture {
        Architecture::Llama => Ok(vec![None; layers]),
        Architecture::Mistral => Ok(vec![window(4096)?; layers]),
        Architecture::Qwen2 | Architecture::Qwen3 => {
            let window =
                if fields.flag("use_sliding_window", false)? { window(4096)? } else { None };
            qwen_windows(fields, window, layers)
        }
    }
}

fn qwen_windows(
    fields: &Fields<'_>,
    window: Option<i64>,
    layers: usize,
) -> Result<Vec<Option<i64>>, Error> {
    let Some(types) = fields.get("layer_types") else {
        let first = match fields.get("max_window_layers") {
            Some(_) => fields.count("max_window_layers")?,
            None => 28,
        };
        return Ok((0..layers).map(|i| window.filter(|_| i >= first)).collect());
    };
    let types = types.as_array().filter(|types| types.len() == layers);
    let types = types.ok_or_else(|| fields.wrong("layer_types", &format!("{layers} names")))?;
    let of = |kind: &Value| match kind.as_str() {
        Some("full_attention") => Ok(None),
        Some("sliding_attention") if window.is_some() => Ok(window),
        _ => Err(fields.wrong(
            "layer_types",
            "full_attention, or sliding_attention with use_sliding_window and sliding_window set",
        )),
    };
    types.iter().map(of).collect()
}

#[cfg(test)]
mod tests;
