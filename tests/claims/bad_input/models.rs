//! Checkpoints and their configurations.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use tch::{Kind, Tensor};
use thinksafe_runtime::{CausalLm, Device, Placement, Precision};

use super::{Bad, Failure, copied, edit_bytes, edit_json, edit_tensors, named};

const NORM: &str = "model.norm.weight";
const QUERY: &str = "model.layers.0.self_attn.q_proj.weight";
const UP: &str = "model.layers.1.mlp.up_proj.weight";

pub(super) const CASES: &[Bad] = &[
    Bad {
        input: "a truncated safetensors file",
        error: "Runtime(Checkpoint",
        says: &["model.safetensors", "not a complete safetensors file"],
        attempt: |dir| bytes(dir, |bytes| bytes.truncate(bytes.len() - 100)),
    },
    Bad {
        input: "a safetensors file cut within its header",
        error: "Runtime(Checkpoint",
        says: &["model.safetensors", "not a complete safetensors file"],
        attempt: |dir| bytes(dir, |bytes| bytes.truncate(40)),
    },
    Bad {
        input: "an empty safetensors file",
        error: "Runtime(Checkpoint",
        says: &["model.safetensors"],
        attempt: |dir| bytes(dir, Vec::clear),
    },
    Bad {
        input: "a safetensors file with bytes behind its tensors",
        error: "Runtime(Checkpoint",
        says: &["model.safetensors"],
        attempt: |dir| bytes(dir, |bytes| bytes.extend([0; 8])),
    },
    Bad {
        input: "a safetensors header that is too large",
        error: "Runtime(Checkpoint",
        says: &["model.safetensors", "not a complete safetensors file"],
        attempt: |dir| bytes(dir, |bytes| bytes[..8].fill(0xff)),
    },
    Bad {
        input: "a safetensors header that is no JSON",
        error: "Runtime(Checkpoint",
        says: &["model.safetensors"],
        attempt: |dir| bytes(dir, |bytes| bytes[8] = b'x'),
    },
    Bad {
        input: "a tensor of another shape",
        error: "Runtime(Shape",
        says: &["model.safetensors", QUERY, "[40, 56]", "[56, 40]"],
        attempt: |dir| {
            tensors(dir, |tensors| {
                let query = named(tensors, QUERY);
                *query = query.tr().contiguous();
            })
        },
    },
    Bad {
        input: "a missing tensor",
        error: "Runtime(MissingTensor",
        says: &["qwen3-gqa-tied", UP],
        attempt: |dir| tensors(dir, |tensors| tensors.retain(|(name, _)| name != UP)),
    },
    Bad {
        input: "a tensor of a layer that the configuration does not have",
        error: "Runtime(UnexpectedTensor",
        says: &["qwen3-gqa-tied", "model.layers.7.input_layernorm.weight"],
        attempt: |dir| {
            tensors(dir, |tensors| {
                let extra = named(tensors, NORM).copy();
                tensors.push(("model.layers.7.input_layernorm.weight".to_owned(), extra));
            })
        },
    },
    Bad {
        input: "a NaN among the weights",
        error: "Runtime(NotFinite",
        says: &["model.safetensors", NORM, "1 value"],
        attempt: |dir| tensors(dir, |tensors| set(named(tensors, NORM), f64::NAN)),
    },
    Bad {
        input: "an infinite weight",
        error: "Runtime(NotFinite",
        says: &["model.safetensors", NORM],
        attempt: |dir| tensors(dir, |tensors| set(named(tensors, NORM), f64::INFINITY)),
    },
    Bad {
        input: "a weight beyond the range of the precision asked for",
        error: "Runtime(NotFinite",
        says: &["model.safetensors", NORM],
        attempt: |dir| {
            let model = model(dir);
            edit_tensors(&model.join("model.safetensors"), |tensors| {
                set(named(tensors, NORM), 1e6);
            });
            let placement = Placement { device: Device::CPU, precision: Precision::F16 };
            CausalLm::load(&model, placement)?;
            Ok(())
        },
    },
    Bad {
        input: "weights of an unknown dtype",
        error: "Runtime(Dtype",
        says: &["model.safetensors", NORM, "I64", "F32, BF16 or F16"],
        attempt: |dir| {
            tensors(dir, |tensors| {
                let norm = named(tensors, NORM);
                *norm = norm.to_kind(Kind::Int64);
            })
        },
    },
    Bad {
        input: "no weights",
        error: "Runtime(Io",
        says: &["model.safetensors", "No such file"],
        attempt: |dir| {
            let model = model(dir);
            std::fs::remove_file(model.join("model.safetensors")).unwrap();
            load(&model)
        },
    },
    Bad {
        input: "an index that is no JSON from line 4 on",
        error: "Runtime(Shared(Parse",
        says: &["model.safetensors.index.json:4", "safetensors index"],
        attempt: |dir| {
            let text = "{\n\"weight_map\": {\n\"a\": \"b\",\n]}";
            sharded(dir, |index| std::fs::write(index, text).unwrap())
        },
    },
    Bad {
        input: "an index without a weight map",
        error: "Runtime(Shared(Parse",
        says: &["model.safetensors.index.json", "weight_map"],
        attempt: |dir| sharded(dir, |index| edit_json(index, |fields| fields.retain(|_, _| false))),
    },
    Bad {
        input: "a shard that is not there",
        error: "Runtime(Io",
        says: &["model-00002-of-00003.safetensors", "No such file"],
        attempt: |dir| {
            sharded(dir, |index| {
                std::fs::remove_file(index.with_file_name("model-00002-of-00003.safetensors"))
                    .unwrap();
            })
        },
    },
    Bad {
        input: "an index that reaches outside its folder",
        error: "Runtime(Checkpoint",
        says: &["model.safetensors.index.json", NORM, "../model.safetensors"],
        attempt: |dir| place(dir, NORM, "../model.safetensors"),
    },
    Bad {
        input: "an index that looks for a tensor in the wrong shard",
        error: "Runtime(MissingTensor",
        says: &["model-00001-of-00003.safetensors", NORM],
        attempt: |dir| place(dir, NORM, "model-00001-of-00003.safetensors"),
    },
    Bad {
        input: "an index that leaves out a tensor of a shard",
        error: "Runtime(Checkpoint",
        says: &["model.safetensors.index.json", NORM, "not in the index"],
        attempt: |dir| {
            sharded(dir, |index| {
                edit_json(index, |fields| {
                    fields["weight_map"].as_object_mut().unwrap().remove(NORM);
                });
            })
        },
    },
    Bad {
        input: "no configuration",
        error: "Runtime(Shared(Io",
        says: &["config.json", "No such file"],
        attempt: |dir| {
            let model = model(dir);
            std::fs::remove_file(model.join("config.json")).unwrap();
            load(&model)
        },
    },
    Bad {
        input: "a configuration that is no JSON from line 3 on",
        error: "Runtime(Shared(Parse",
        says: &["config.json:3", "model configuration"],
        attempt: |dir| {
            let model = model(dir);
            std::fs::write(model.join("config.json"), "{\n\"hidden_size\": 40,\n40\n}").unwrap();
            load(&model)
        },
    },
    Bad {
        input: "a configuration that lacks a field",
        error: "Runtime(Config",
        says: &["config.json", "`hidden_size` is absent"],
        attempt: |dir| config(dir, |fields| drop(fields.remove("hidden_size"))),
    },
    Bad {
        input: "an unknown architecture",
        error: "Runtime(Config",
        says: &["config.json", "`architectures`", "Gemma3ForCausalLM"],
        attempt: |dir| field(dir, "architectures", json!(["Gemma3ForCausalLM"])),
    },
    Bad {
        input: "an unsupported rope type",
        error: "Runtime(Config",
        says: &["config.json", "`rope_scaling.rope_type`", "yarn"],
        attempt: |dir| field(dir, "rope_scaling", json!({"rope_type": "yarn", "factor": 4.0})),
    },
    Bad {
        input: "llama3 rope scaling without its factors",
        error: "Runtime(Config",
        says: &["config.json", "`rope_scaling.low_freq_factor` is absent"],
        attempt: |dir| field(dir, "rope_scaling", json!({"rope_type": "llama3", "factor": 8.0})),
    },
    Bad {
        input: "a quantized checkpoint",
        error: "Runtime(Config",
        says: &["config.json", "`quantization_config`", "awq"],
        attempt: |dir| field(dir, "quantization_config", json!({"quant_method": "awq"})),
    },
    Bad {
        input: "a mixture of experts",
        error: "Runtime(Config",
        says: &["config.json", "`num_experts`"],
        attempt: |dir| field(dir, "num_experts", json!(128)),
    },
    Bad {
        input: "an unsupported activation",
        error: "Runtime(Config",
        says: &["config.json", "`hidden_act`", "gelu"],
        attempt: |dir| field(dir, "hidden_act", json!("gelu")),
    },
    Bad {
        input: "key heads that do not divide the heads",
        error: "Runtime(Config",
        says: &["config.json", "`num_key_value_heads` is 3", "divisor of 4"],
        attempt: |dir| field(dir, "num_key_value_heads", json!(3)),
    },
    Bad {
        input: "an odd head dimension",
        error: "Runtime(Config",
        says: &["config.json", "`head_dim` is 13", "even"],
        attempt: |dir| field(dir, "head_dim", json!(13)),
    },
    Bad {
        input: "a negative number of layers",
        error: "Runtime(Config",
        says: &["config.json", "`num_hidden_layers` is -1"],
        attempt: |dir| field(dir, "num_hidden_layers", json!(-1)),
    },
    Bad {
        input: "a number written as a text",
        error: "Runtime(Config",
        says: &["config.json", "`vocab_size` is \"103\""],
        attempt: |dir| field(dir, "vocab_size", json!("103")),
    },
    Bad {
        input: "fewer layer types than layers",
        error: "Runtime(Config",
        says: &["config.json", "`layer_types`", "2 names"],
        attempt: |dir| field(dir, "layer_types", json!(["full_attention"])),
    },
];

fn model(dir: &Path) -> PathBuf {
    copied("models/qwen3-gqa-tied", dir)
}

fn load(model: &Path) -> Result<(), Failure> {
    CausalLm::load(model, Placement::CPU_F32)?;
    Ok(())
}

fn bytes(dir: &Path, edit: fn(&mut Vec<u8>)) -> Result<(), Failure> {
    let model = model(dir);
    edit_bytes(&model.join("model.safetensors"), edit);
    load(&model)
}

fn tensors(dir: &Path, edit: fn(&mut Vec<(String, Tensor)>)) -> Result<(), Failure> {
    let model = model(dir);
    edit_tensors(&model.join("model.safetensors"), edit);
    load(&model)
}

fn config(dir: &Path, edit: impl FnOnce(&mut Map<String, Value>)) -> Result<(), Failure> {
    let model = model(dir);
    edit_json(&model.join("config.json"), edit);
    load(&model)
}

fn field(dir: &Path, name: &str, value: Value) -> Result<(), Failure> {
    config(dir, |fields| drop(fields.insert(name.to_owned(), value)))
}

fn sharded(dir: &Path, edit: impl FnOnce(&Path)) -> Result<(), Failure> {
    let model = copied("loading/sharded", dir);
    edit(&model.join("model.safetensors.index.json"));
    load(&model)
}

/// The index says that a tensor is in this file.
fn place(dir: &Path, tensor: &str, file: &str) -> Result<(), Failure> {
    sharded(dir, |index| {
        edit_json(index, |fields| fields["weight_map"][tensor] = json!(file));
    })
}

fn set(tensor: &mut Tensor, value: f64) {
    let _ = tensor.get(3).fill_(value);
}
