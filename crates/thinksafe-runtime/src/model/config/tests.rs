//! Configurations that are read, and those that are refused.

use std::path::Path;

use serde_json::{Map, Value};

use super::*;
use crate::Precision;
use crate::model::rope::RopeScaling;

const LLAMA31: &str = r#"{"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
    "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}"#;

/// Fields and the JSON they are set to.
type Changes<'a> = &'a [(&'a str, &'a str)];

const GEMMA2: (&str, &str) = ("architectures", r#"["Gemma2ForCausalLM"]"#);
const GRANITE: (&str, &str) = ("architectures", r#"["GraniteForCausalLM"]"#);

/// A configuration with some fields set, or taken out where the value is empty.
fn parse(changes: Changes<'_>) -> Result<ModelConfig, Error> {
    let mut json: Map<String, Value> = serde_json::from_str(
        r#"{"architectures": ["LlamaForCausalLM"], "vocab_size": 100, "hidden_size": 64,
        "intermediate_size": 96, "num_hidden_layers": 4, "num_attention_heads": 8,
        "num_key_value_heads": 2, "max_position_embeddings": 512, "hidden_act": "silu"}"#,
    )
    .unwrap();
    for (field, value) in changes {
        match value {
            &"" => _ = json.shift_remove(*field),
            value => _ = json.insert((*field).to_owned(), serde_json::from_str(value).unwrap()),
        }
    }
    ModelConfig::from_json(&Value::Object(json).to_string(), Path::new("dir/config.json"))
}

fn architecture_field(name: &str) -> String {
    format!("[\"{name}ForCausalLM\"]")
}

fn of(architecture: &str, changes: Changes<'_>) -> ModelConfig {
    let named = architecture_field(architecture);
    let changes: Vec<_> =
        [("architectures", named.as_str())].iter().chain(changes).copied().collect();
    parse(&changes).unwrap()
}

#[test]
fn each_architecture_has_its_biases_norms_and_head_size() {
    let switches = |c: &ModelConfig| (c.qkv_bias, c.o_bias, c.mlp_bias, c.qk_norm, c.head_dim);
    assert_eq!(switches(&of("Llama", &[])), (false, false, false, false, 8));
    let biases = [("attention_bias", "true"), ("mlp_bias", "true")];
    assert_eq!(switches(&of("Llama", &biases)), (true, true, true, false, 8));
    assert_eq!(switches(&of("Qwen2", &[])), (true, false, false, false, 8));
    // As in `transformers`, Qwen2's biases are no setting.
    let off = [("attention_bias", "false")];
    assert_eq!(switches(&of("Qwen2", &off)), (true, false, false, false, 8));
    assert_eq!(switches(&of("Qwen3", &[])), (false, false, false, true, 128));
    assert_eq!(switches(&of("Qwen3", &[("head_dim", "16")])), (false, false, false, true, 16));
    let biased = [("attention_bias", "true")];
    assert_eq!(switches(&of("Qwen3", &biased)), (true, true, false, true, 128));
    assert_eq!(switches(&of("Mistral", &[])), (false, false, false, false, 8));
}

/// The fields of google/shieldgemma-2b's `config.json` that decide its numbers.
#[test]
fn shieldgemma_is_read() {
    let json = r#"{"architectures": ["Gemma2ForCausalLM"], "attention_bias": false, "attention_dropout": 0.0,
        "attn_logit_softcapping": 50.0, "bos_token_id": 2, "cache_implementation": "hybrid", "eos_token_id": 1,
        "final_logit_softcapping": 30.0, "head_dim": 256, "hidden_act": "gelu_pytorch_tanh",
        "hidden_activation": "gelu_pytorch_tanh", "hidden_size": 2304, "initializer_range": 0.02,
        "intermediate_size": 9216, "max_position_embeddings": 8192, "model_type": "gemma2",
        "num_attention_heads": 8, "num_hidden_layers": 26, "num_key_value_heads": 4, "pad_token_id": 0,
        "query_pre_attn_scalar": 256, "rms_norm_eps": 1e-06, "rope_theta": 10000.0, "sliding_window": 4096,
        "torch_dtype": "bfloat16", "use_cache": true, "vocab_size": 256000}"#;
    let config = ModelConfig::from_json(json, Path::new("config.json")).unwrap();
    assert_eq!(config.architecture, Architecture::Gemma2);
    assert!(config.tie_word_embeddings && config.post_norms && config.unit_offset_norms);
    assert_eq!(config.activation, Activation::GeluTanh);
    let expected = Scales {
        embedding: 48.0,
        embedding_rounded: true,
        attention: 1.0 / 16.0,
        attention_cap: Some(50.0),
        residual: 1.0,
        logits: 1.0,
        logit_cap: Some(30.0),
    };
    assert_eq!(config.scales, expected);
    assert_eq!(config.windows[..3], [Some(4096), None, Some(4096)]);
    assert_eq!((config.heads, config.kv_heads, config.head_dim), (8, 4, 256));
}

/// The fields of ibm-granite/granite-guardian-3.1-2b's `config.json` that decide its numbers.
#[test]
fn granite_guardian_is_read() {
    let json = r#"{"architectures": ["GraniteForCausalLM"], "attention_bias": false, "attention_dropout": 0.1,
        "attention_multiplier": 0.015625, "bos_token_id": 0, "embedding_multiplier": 12.0, "eos_token_id": 0,
        "hidden_act": "silu", "hidden_size": 2048, "initializer_range": 0.02, "intermediate_size": 8192,
        "logits_scaling": 8.0, "max_position_embeddings": 131072, "mlp_bias": false, "model_type": "granite",
        "num_attention_heads": 32, "num_hidden_layers": 40, "num_key_value_heads": 8, "pad_token_id": 0,
        "residual_multiplier": 0.22, "rms_norm_eps": 1e-05, "rope_scaling": null, "rope_theta": 5000000.0,
        "tie_word_embeddings": true, "torch_dtype": "bfloat16", "use_cache": true, "vocab_size": 49155}"#;
    let config = ModelConfig::from_json(json, Path::new("config.json")).unwrap();
    assert_eq!(config.architecture, Architecture::Granite);
    assert!(!config.post_norms && !config.unit_offset_norms && config.windows == [None; 40]);
    let expected = Scales {
        embedding: 12.0,
        embedding_rounded: false,
        attention: 0.015_625,
        attention_cap: None,
        residual: 0.22,
        logits: 8.0,
        logit_cap: None,
    };
    assert_eq!((config.scales, config.attention_dropout), (expected, 0.1));
}

#[test]
fn scales_are_those_of_the_classes_where_the_file_is_silent() {
    let silent = [("hidden_act", "")];
    let gemma = of("Gemma2", &silent);
    assert_eq!((gemma.head_dim, gemma.scales.embedding), (256, 8.0));
    assert_eq!(gemma.scales.attention_cap.zip(gemma.scales.logit_cap), Some((50.0, 30.0)));
    let uncapped = of("Gemma2", &[("hidden_act", ""), ("attn_logit_softcapping", "null")]);
    assert_eq!((uncapped.scales.attention_cap, uncapped.scales.logit_cap), (None, Some(30.0)));
    assert_eq!(of("Granite", &[]).scales.attention, 1.0);
    assert_eq!(of("Llama", &[]).scales.attention, 1.0 / 8f64.sqrt());
    let gelu = of("Llama", &[("hidden_act", r#""gelu_pytorch_tanh""#)]);
    assert_eq!(gelu.activation, Activation::GeluTanh);
}

#[test]
fn gemmas_factor_of_embeddings_is_rounded_as_the_model_is() {
    let gemma = of("Gemma2", &[("hidden_act", ""), ("hidden_size", "3584"), ("head_dim", "256")]);
    assert_eq!(gemma.scales.embedding_in(Precision::Bf16), 59.75);
    let exact = 3584f32.sqrt();
    assert_eq!(gemma.scales.embedding_in(Precision::F32), f64::from(exact));
    let granite = of("Granite", &[("embedding_multiplier", "12.1")]);
    assert_eq!(granite.scales.embedding_in(Precision::Bf16), 12.1);
}

#[test]
fn the_model_type_serves_where_no_architecture_is_named() {
    let config = parse(&[("architectures", ""), ("model_type", r#""qwen3""#)]).unwrap();
    assert_eq!(config.architecture, Architecture::Qwen3);
}

#[test]
fn rope_is_read_from_old_and_new_fields() {
    let llama3 = Some(RopeScaling::Llama3 {
        factor: 8.0,
        low_freq_factor: 1.0,
        high_freq_factor: 4.0,
        original_max_position_embeddings: 8192,
    });
    let old_type = r#"{"type": "linear", "factor": 2}"#;
    let new = r#"{"rope_theta": 1e6, "rope_type": "default"}"#;
    let linear = Some(RopeScaling::Linear { factor: 2.0 });
    let cases: [(Changes<'_>, f64, Option<RopeScaling>); 7] = [
        (&[], 1e4, None),
        (&[("rope_theta", "500000.0"), ("rope_scaling", "null")], 5e5, None),
        (&[("rope_theta", "500000.0"), ("rope_scaling", LLAMA31)], 5e5, llama3),
        (&[("rope_parameters", LLAMA31)], 1e4, llama3),
        (&[("rope_parameters", new)], 1e6, None),
        (&[("rope_scaling", old_type)], 1e4, linear),
        (&[("rope_parameters", "{\"rope_theta\": 1e6}"), ("rope_theta", "1e4")], 1e6, None),
    ];
    for (changes, theta, scaling) in cases {
        assert_eq!(parse(changes).unwrap().rope, Rope { theta, scaling }, "{changes:?}");
    }
}

#[test]
fn windows_follow_each_architectures_rules() {
    let windows = |architecture: &str, changes: &[_]| of(architecture, changes).windows;
    let (four, two) = ([Some(6); 4], [None, None, Some(6), Some(6)]);
    let window = ("sliding_window", "6");
    let used = ("use_sliding_window", "true");
    let from_two = ("max_window_layers", "2");
    assert_eq!(windows("Llama", &[window]), [None; 4]);
    assert_eq!(windows("Mistral", &[window]), four);
    assert_eq!(windows("Mistral", &[("sliding_window", "null")]), [None; 4]);
    assert_eq!(windows("Mistral", &[]), [Some(4096); 4]);
    assert_eq!(windows("Qwen2", &[window, from_two]), [None; 4]);
    assert_eq!(windows("Qwen2", &[window, used, from_two]), two);
    assert_eq!(windows("Qwen3", &[window, used, from_two]), two);
    assert_eq!(windows("Qwen3", &[window, used]), [None; 4]);
    let types = r#"["sliding_attention", "full_attention", "sliding_attention", "full_attention"]"#;
    let typed = windows("Qwen3", &[window, used, ("layer_types", types)]);
    assert_eq!(typed, [Some(6), None, Some(6), None]);
    let silent = ("hidden_act", "");
    assert_eq!(windows("Gemma2", &[window, silent]), [Some(6), None, Some(6), None]);
    assert_eq!(windows("Gemma2", &[silent])[..2], [Some(4096), None]);
    let full = r#"["full_attention", "full_attention", "sliding_attention", "full_attention"]"#;
    let typed = windows("Gemma2", &[window, silent, ("layer_types", full)]);
    assert_eq!(typed, [None, None, Some(6), None]);
    assert_eq!(windows("Granite", &[window]), [None; 4]);
}

#[test]
fn ids_may_be_one_many_or_none() {
    for (value, expected) in
        [("7", vec![7]), ("[7, 8]", vec![7, 8]), ("null", vec![]), ("", vec![])]
    {
        assert_eq!(parse(&[("eos_token_id", value)]).unwrap().eos_token_ids, expected);
    }
}

#[test]
fn what_is_wrong_or_not_supported_is_refused_by_file_and_field() {
    let cases: [(&str, Changes<'_>); 33] = [
        ("architectures", &[("architectures", r#"["GPT2LMHeadModel"]"#)]),
        ("model_type", &[("architectures", ""), ("model_type", r#""mamba""#)]),
        ("model_type", &[("architectures", "")]),
        ("quantization_config", &[("quantization_config", r#"{"bits": 4}"#)]),
        ("num_experts", &[("num_experts", "8")]),
        ("hidden_act", &[("hidden_act", r#""gelu""#)]),
        ("attention_dropout", &[("attention_dropout", "1.0")]),
        ("final_logit_softcapping", &[("final_logit_softcapping", "30.0")]),
        ("use_bidirectional_attention", &[("use_bidirectional_attention", "true")]),
        ("partial_rotary_factor", &[("partial_rotary_factor", "0.5")]),
        ("vocab_size", &[("vocab_size", "")]),
        ("vocab_size", &[("vocab_size", "0")]),
        ("hidden_size", &[("hidden_size", "-64")]),
        ("hidden_size", &[("hidden_size", "64.5")]),
        ("hidden_size", &[("hidden_size", "9223372036854775807")]),
        ("num_hidden_layers", &[("num_hidden_layers", r#""4""#)]),
        ("num_key_value_heads", &[("num_key_value_heads", "3")]),
        ("num_attention_heads", &[("num_attention_heads", "6"), ("num_key_value_heads", "")]),
        ("head_dim", &[("head_dim", "7")]),
        ("rms_norm_eps", &[("rms_norm_eps", "0")]),
        ("tie_word_embeddings", &[("tie_word_embeddings", "1")]),
        ("eos_token_id", &[("eos_token_id", "[-1]")]),
        ("rope_scaling.rope_type", &[("rope_scaling", r#"{"rope_type": "yarn", "factor": 4}"#)]),
        ("rope_scaling.type", &[("rope_scaling", r#"{"factor": 4}"#)]),
        ("rope_scaling.factor", &[("rope_scaling", r#"{"rope_type": "linear"}"#)]),
        ("rope_parameters", &[("rope_parameters", "3")]),
        ("layer_types", &[("architectures", r#"["Qwen3ForCausalLM"]"#), ("layer_types", "[]")]),
        ("hidden_activation", &[GEMMA2, ("hidden_act", ""), ("hidden_activation", r#""gelu""#)]),
        ("hidden_act", &[GEMMA2]),
        ("sliding_window", &[GEMMA2, ("hidden_act", ""), ("sliding_window", "null")]),
        ("attn_logit_softcapping", &[GEMMA2, ("hidden_act", ""), ("attn_logit_softcapping", "0")]),
        ("logits_scaling", &[GRANITE, ("logits_scaling", "-8.0")]),
        (
            "layer_types",
            &[
                ("architectures", r#"["Qwen3ForCausalLM"]"#),
                ("num_hidden_layers", "1"),
                ("layer_types", r#"["sliding_attention"]"#),
            ],
        ),
    ];
    for (field, changes) in cases {
        let error = parse(changes).unwrap_err();
        assert!(matches!(error, Error::Config { .. }), "{changes:?}: {error}");
        let start = format!("dir/config.json: `{field}` is ");
        assert!(error.to_string().starts_with(&start), "{changes:?}: {error}");
    }
}

#[test]
fn text_that_is_no_json_is_refused_by_line() {
    let error = ModelConfig::from_json("{\n\"a\": }", Path::new("dir/config.json")).unwrap_err();
    assert!(error.to_string().starts_with("dir/config.json:2: "), "{error}");
}
