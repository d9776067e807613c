//! Adapters in PEFT's format.

use std::path::Path;

use serde_json::{Value, json};
use thinksafe_runtime::{CausalLm, Placement};
use thinksafe_tests::golden;

use super::{Bad, Failure, copied, edit_bytes, edit_json, edit_tensors};

pub(super) const CASES: &[Bad] = &[
    Bad {
        input: "an adapter for a model with more layers",
        error: "Runtime(UnexpectedTensor",
        says: &["adapter_model.safetensors", "model.layers.2.self_attn.q_proj.lora_A"],
        attempt: |dir| {
            weights(dir, |tensors| {
                let name = "base_model.model.model.layers.2.self_attn.q_proj.lora_A.weight";
                let extra = tensors[0].1.copy();
                tensors.push((name.to_owned(), extra));
            })
        },
    },
    Bad {
        input: "an adapter for another model",
        error: "Runtime(Shape",
        says: &["adapter_model.safetensors", "self_attn.q_proj.lora_B", "expected [56, 3]"],
        attempt: |dir| load(&copied("lora/all-linear", dir)),
    },
    Bad {
        input: "an adapter with DoRA",
        error: "Runtime(AdapterConfig",
        says: &["adapter_config.json", "`use_dora` is true", "not supported"],
        attempt: |dir| setting(dir, "use_dora", json!(true)),
    },
    Bad {
        input: "an adapter that may be rank-stabilised or not",
        error: "Runtime(AdapterConfig",
        says: &["adapter_config.json", "`use_rslora` is \"yes\"", "true or false"],
        attempt: |dir| setting(dir, "use_rslora", json!("yes")),
    },
    Bad {
        input: "an adapter whose targets only Python's expressions can say",
        error: "Runtime(AdapterConfig",
        says: &[
            "adapter_config.json",
            "`target_modules` is \"(?!lm_head).*\"",
            "without look-around",
        ],
        attempt: |dir| setting(dir, "target_modules", json!("(?!lm_head).*")),
    },
    Bad {
        input: "an adapter of a layer that there is not",
        error: "Runtime(AdapterConfig",
        says: &["adapter_config.json", "`targets.layers` is 7"],
        attempt: |dir| setting(dir, "layers_to_transform", json!([0, 7])),
    },
    Bad {
        input: "an adapter with ranks of its own for some layers",
        error: "Runtime(AdapterConfig",
        says: &["adapter_config.json", "`rank_pattern`"],
        attempt: |dir| setting(dir, "rank_pattern", json!({"q_proj": 2})),
    },
    Bad {
        input: "an adapter that trains biases",
        error: "Runtime(AdapterConfig",
        says: &["adapter_config.json", "`bias` is \"all\"", "none"],
        attempt: |dir| setting(dir, "bias", json!("all")),
    },
    Bad {
        input: "an adapter of another kind",
        error: "Runtime(AdapterConfig",
        says: &["adapter_config.json", "`peft_type`", "IA3", "LORA"],
        attempt: |dir| setting(dir, "peft_type", json!("IA3")),
    },
    Bad {
        input: "an adapter for a projection that there is not",
        error: "Runtime(AdapterConfig",
        says: &["adapter_config.json", "c_attn", "q_proj"],
        attempt: |dir| setting(dir, "target_modules", json!(["q_proj", "c_attn"])),
    },
    Bad {
        input: "an adapter configuration without a rank",
        error: "Runtime(AdapterConfig",
        says: &["adapter_config.json", "`r` is"],
        attempt: |dir| setting(dir, "r", Value::Null),
    },
    Bad {
        input: "an adapter whose matrices have another rank than it says",
        error: "Runtime(Shape",
        says: &["adapter_model.safetensors", "lora_A", "expected [8, 40]"],
        attempt: |dir| setting(dir, "r", json!(8)),
    },
    Bad {
        input: "an adapter with a matrix left out",
        error: "Runtime(MissingTensor",
        says: &["adapter_model.safetensors", "layers.1.self_attn.v_proj.lora_B"],
        attempt: |dir| {
            weights(dir, |tensors| {
                tensors.retain(|(name, _)| !name.contains("layers.1.self_attn.v_proj.lora_B"));
            })
        },
    },
    Bad {
        input: "an adapter with a NaN",
        error: "Runtime(NotFinite",
        says: &["adapter_model.safetensors", "lora_"],
        attempt: |dir| weights(dir, |tensors| drop(tensors[0].1.get(0).fill_(f64::NAN))),
    },
    Bad {
        input: "an adapter cut off",
        error: "Runtime(Checkpoint",
        says: &["adapter_model.safetensors", "not a complete safetensors file"],
        attempt: |dir| {
            let adapter = copied("lora/qv", dir);
            let file = adapter.join("adapter_model.safetensors");
            edit_bytes(&file, |bytes| bytes.truncate(bytes.len() / 2));
            load(&adapter)
        },
    },
    Bad {
        input: "an adapter without weights",
        error: "Runtime(Io",
        says: &["adapter_model.safetensors", "No such file"],
        attempt: |dir| {
            let adapter = copied("lora/qv", dir);
            std::fs::remove_file(adapter.join("adapter_model.safetensors")).unwrap();
            load(&adapter)
        },
    },
];

fn load(adapter: &Path) -> Result<(), Failure> {
    let mut model =
        CausalLm::load(&golden::path("models/qwen3-gqa-tied"), Placement::CPU_F32).unwrap();
    let loaded = model.load_lora(adapter);
    assert!(loaded.is_ok() || model.lora_parameters().is_empty(), "the model was changed");
    Ok(loaded?)
}

fn setting(dir: &Path, name: &str, value: Value) -> Result<(), Failure> {
    let adapter = copied("lora/qv", dir);
    edit_json(&adapter.join("adapter_config.json"), |fields| {
        fields.insert(name.to_owned(), value);
    });
    load(&adapter)
}

fn weights(dir: &Path, edit: fn(&mut Vec<(String, tch::Tensor)>)) -> Result<(), Failure> {
    let adapter = copied("lora/qv", dir);
    edit_tensors(&adapter.join("adapter_model.safetensors"), edit);
    load(&adapter)
}
