//! The goldens can fail: each setting of a configuration, changed a little, shows in the logits.

use serde_json::{Value, json};
use thinksafe_tests::close::Tolerance;
use thinksafe_tests::golden;

use crate::support::{Case, load, logits};

/// Case, field (a path through the configuration), and a value that is wrong.
fn mutations() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("qwen3-gqa-tied", "/rope_theta", json!(1.01e6)),
        ("qwen3-mha-window", "/rms_norm_eps", json!(1.1e-3)),
        ("qwen3-mha-window", "/sliding_window", json!(6)),
        ("qwen3-mha-window", "/sliding_window", json!(4)),
        ("qwen3-mha-window", "/max_window_layers", json!(0)),
        ("qwen3-mha-window", "/use_sliding_window", json!(false)),
        ("qwen3-mqa-bias-untied", "/rope_parameters/rope_theta", json!(12500.0)),
        ("qwen2-gqa-tied", "/use_sliding_window", json!(true)),
        ("qwen2-mha-layer-types", "/layer_types/1", json!("sliding_attention")),
        ("qwen2-mha-layer-types", "/layer_types/2", json!("full_attention")),
        ("llama-gqa-linear-tied", "/rope_scaling/factor", json!(3.01)),
        ("llama-gqa-llama3-tied", "/rope_scaling/factor", json!(8.1)),
        ("llama-gqa-llama3-tied", "/rope_scaling/low_freq_factor", json!(1.1)),
        ("llama-gqa-llama3-tied", "/rope_scaling/high_freq_factor", json!(4.1)),
        ("llama-gqa-llama3-tied", "/rope_scaling/original_max_position_embeddings", json!(33)),
        ("llama-gqa-llama3-tied", "/rope_scaling", Value::Null),
        ("mistral-gqa-window", "/sliding_window", json!(5)),
        ("mistral-gqa-window", "/sliding_window", Value::Null),
        ("mistral-mqa-window-untied", "/rms_norm_eps", json!(2e-4)),
        ("gemma2-gqa-tied", "/query_pre_attn_scalar", json!(12)),
        ("gemma2-gqa-tied", "/attn_logit_softcapping", json!(4.1)),
        ("gemma2-gqa-tied", "/attn_logit_softcapping", Value::Null),
        ("gemma2-gqa-tied", "/final_logit_softcapping", json!(31.0)),
        ("gemma2-gqa-tied", "/sliding_window", json!(6)),
        ("gemma2-gqa-tied", "/rms_norm_eps", json!(1e-3)),
        ("gemma2-mqa-bias-untied", "/layer_types/0", json!("sliding_attention")),
        ("granite-gqa-tied", "/embedding_multiplier", json!(0.71)),
        ("granite-gqa-tied", "/attention_multiplier", json!(0.21)),
        ("granite-gqa-tied", "/residual_multiplier", json!(1.71)),
        ("granite-gqa-tied", "/logits_scaling", json!(3.1)),
    ]
}

#[test]
fn a_small_change_of_any_setting_shows_in_the_logits() {
    let unseen: Vec<String> = mutations()
        .into_iter()
        .filter_map(|(name, field, value)| {
            let change = change(name, field, value);
            let seen = change > Tolerance::F32.atol;
            (!seen).then(|| format!("{name} {field}: {change:.1e}"))
        })
        .collect();
    assert!(unseen.is_empty(), "logits hardly moved:\n{}", unseen.join("\n"));
}

/// How far the logits of a case move if a field of its configuration has another value.
fn change(name: &str, field: &str, value: Value) -> f64 {
    let case = Case::named(name);
    let folder = tempfile::tempdir().unwrap();
    let weights = "model.safetensors";
    std::fs::copy(case.folder.join(weights), folder.path().join(weights)).unwrap();
    let mut config: Value = golden::json(&case.folder.join("config.json"));
    let place = config.pointer_mut(field).unwrap_or_else(|| panic!("{name} has no {field}"));
    assert_ne!(*place, value, "{name} {field}");
    *place = value;
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    let logits = logits(&load(folder.path()), &case.expected.ids("prompt.0"));
    (logits - case.expected.tensor("logits.0")).abs().max().double_value(&[])
}
