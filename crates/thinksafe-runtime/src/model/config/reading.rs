//! From the fields of a `config.json` to a [`ModelConfig`].

use std::path::Path;

use serde_json::{Map, Value};

use super::{Activation, Architecture, ModelConfig, Scales};
use crate::Error;
use crate::model::config_json::Fields;
use crate::model::rope::{Rope, RopeScaling};

impl ModelConfig {
    pub(super) fn from_map(json: Map<String, Value>, path: &Path) -> Result<Self, Error> {
        let fields = Fields::new(&json, path.display().to_string());
        let architecture = architecture(&fields)?;
        refuse_unsupported(&fields, architecture)?;
        let layers = fields.size("num_hidden_layers")? as usize;
        let hidden_size = fields.size("hidden_size")?;
        let (heads, kv_heads, head_dim) = heads(&fields, architecture, hidden_size)?;
        let attention_bias =
            architecture.has_bias_switches() && fields.flag("attention_bias", false)?;
        let gemma = architecture == Architecture::Gemma2;
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
            tie_word_embeddings: fields.flag("tie_word_embeddings", gemma)?,
            qkv_bias: attention_bias || architecture == Architecture::Qwen2,
            o_bias: attention_bias,
            mlp_bias: architecture.has_mlp_bias_switch() && fields.flag("mlp_bias", false)?,
            qk_norm: architecture == Architecture::Qwen3,
            post_norms: gemma,
            unit_offset_norms: gemma,
            activation: activation(&fields, architecture)?,
            scales: Scales::read(&fields, architecture, [hidden_size, head_dim])?,
            attention_dropout: share(&fields, "attention_dropout")?,
            windows: windows(&fields, architecture, layers)?,
            initializer_range: fields.positive("initializer_range", Some(0.02))?,
            eos_token_ids: fields.ids("eos_token_id")?,
            bos_token_id: fields.ids("bos_token_id")?.first().copied(),
            json: Map::new(),
        };
        Ok(Self { json, ..config })
    }
}

impl Architecture {
    /// Whether `attention_bias` is a setting.
    fn has_bias_switches(self) -> bool {
        matches!(self, Self::Llama | Self::Qwen3 | Self::Gemma2 | Self::Granite)
    }

    /// Whether `mlp_bias` is a setting.
    fn has_mlp_bias_switch(self) -> bool {
        matches!(self, Self::Llama | Self::Granite)
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
        "Gemma2ForCausalLM" | "gemma2" => Ok(Architecture::Gemma2),
        "GraniteForCausalLM" | "granite" => Ok(Architecture::Granite),
        _ => Err(fields.wrong(
            field,
            "LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM, Gemma2ForCausalLM or \
             GraniteForCausalLM",
        )),
    }
}

/// Refuses what would change the numbers and is not implemented.
fn refuse_unsupported(fields: &Fields<'_>, architecture: Architecture) -> Result<(), Error> {
    let caps = ["attn_logit_softcapping", "final_logit_softcapping"];
    let capped = architecture == Architecture::Gemma2;
    let refused = ["quantization_config", "num_experts", "num_local_experts"].into_iter();
    for field in refused.chain(caps.into_iter().filter(|_| !capped)) {
        if fields.get(field).is_some() {
            return Err(fields.wrong(field, "absent or null (not supported)"));
        }
    }
    if fields.flag("use_bidirectional_attention", false)? {
        return Err(fields.wrong("use_bidirectional_attention", "false (not supported)"));
    }
    if fields.get("partial_rotary_factor").is_some_and(|v| v.as_f64() != Some(1.0)) {
        return Err(fields.wrong("partial_rotary_factor", "1.0"));
    }
    Ok(())
}

/// Gemma 2 has a field of its own, beside which its files repeat the usual one.
fn activation(fields: &Fields<'_>, architecture: Architecture) -> Result<Activation, Error> {
    let named = |field: &str| match fields.get(field).map(|name| name.as_str()) {
        None => Ok(None),
        Some(Some("silu")) => Ok(Some(Activation::Silu)),
        Some(Some("gelu_pytorch_tanh")) => Ok(Some(Activation::GeluTanh)),
        Some(_) => Err(fields.wrong(field, "silu or gelu_pytorch_tanh")),
    };
    let usual = named("hidden_act")?;
    if architecture != Architecture::Gemma2 {
        return Ok(usual.unwrap_or(Activation::Silu));
    }
    let own = named("hidden_activation")?.unwrap_or(Activation::GeluTanh);
    match usual {
        Some(usual) if usual != own => Err(fields.wrong("hidden_act", "as hidden_activation")),
        _ => Ok(own),
    }
}

/// A number from 0 on, below 1; 0 if absent.
fn share(fields: &Fields<'_>, field: &str) -> Result<f64, Error> {
    match fields.get(field).map(Value::as_f64) {
        None => Ok(0.0),
        Some(Some(share)) if (0.0..1.0).contains(&share) => Ok(share),
        Some(_) => Err(fields.wrong(field, "a number from 0 on, below 1")),
    }
}

fn heads(
    fields: &Fields<'_>,
    architecture: Architecture,
    hidden_size: i64,
) -> Result<(i64, i64, i64), Error> {
    let heads = fields.size("num_attention_heads")?;
    let kv_heads = match fields.get("num_key_value_heads") {
        Some(_) => fields.size("num_key_value_heads")?,
        // Defaults of the classes; the others default to one key head for each query head.
        None if architecture == Architecture::Mistral => 8,
        None if architecture == Architecture::Gemma2 => 4,
        None => heads,
    };
    if heads % kv_heads != 0 {
        return Err(fields.wrong("num_key_value_heads", &format!("a divisor of {heads}")));
    }
    let head_dim = match fields.get("head_dim") {
        Some(_) => fields.size("head_dim")?,
        None if architecture == Architecture::Qwen3 => 128,
        None if architecture == Architecture::Gemma2 => 256,
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
        Architecture::Llama | Architecture::Granite => Ok(vec![None; layers]),
        Architecture::Mistral => Ok(vec![window(4096)?; layers]),
        Architecture::Qwen2 | Architecture::Qwen3 => {
            let window =
                if fields.flag("use_sliding_window", false)? { window(4096)? } else { None };
            let first = match fields.get("max_window_layers") {
                Some(_) => fields.count("max_window_layers")?,
                None => 28,
            };
            match fields.get("layer_types") {
                Some(types) => typed_windows(fields, types, window, layers),
                None => Ok((0..layers).map(|i| window.filter(|_| i >= first)).collect()),
            }
        }
        Architecture::Gemma2 => {
            let window = window(4096)?;
            match fields.get("layer_types") {
                Some(types) => typed_windows(fields, types, window, layers),
                None if window.is_none() => {
                    Err(fields.wrong("sliding_window", "a positive whole number"))
                }
                None => Ok((0..layers).map(|i| window.filter(|_| i % 2 == 0)).collect()),
            }
        }
    }
}

fn typed_windows(
    fields: &Fields<'_>,
    types: &Value,
    window: Option<i64>,
    layers: usize,
) -> Result<Vec<Option<i64>>, Error> {
    let types = types.as_array().filter(|types| types.len() == layers);
    let types = types.ok_or_else(|| fields.wrong("layer_types", &format!("{layers} names")))?;
    let of = |kind: &Value| {
        match kind.as_str() {
        Some("full_attention") => Ok(None),
        Some("sliding_attention") if window.is_some() => Ok(window),
        _ => Err(fields.wrong(
            "layer_types",
            "full_attention, or sliding_attention where sliding_window (in Qwen use_sliding_window too) is set",
        )),
    }
    };
    types.iter().map(of).collect()
}
