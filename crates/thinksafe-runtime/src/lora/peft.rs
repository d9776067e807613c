//! PEFT's adapter folder: `adapter_config.json` and `adapter_model.safetensors`.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::Error;
use crate::lora::LoraConfig;

/// PEFT's name for a matrix of the adapter of a projection.
pub(crate) fn peft_name(projection: &str, matrix: &str) -> String {
    format!("base_model.model.{projection}.{matrix}.weight")
}

/// A folder in PEFT's format.
pub(crate) struct PeftFolder<'a>(pub(crate) &'a Path);

impl PeftFolder<'_> {
    pub(crate) fn config_path(&self) -> PathBuf {
        self.0.join("adapter_config.json")
    }

    pub(crate) fn weights_path(&self) -> PathBuf {
        self.0.join("adapter_model.safetensors")
    }

    /// Writes `adapter_config.json`.
    pub(crate) fn write_config(&self, config: &LoraConfig) -> Result<(), Error> {
        let json = json!({
            "peft_type": "LORA",
            "task_type": "CAUSAL_LM",
            "base_model_name_or_path": null,
            "inference_mode": true,
            "r": config.rank,
            "lora_alpha": config.alpha,
            "lora_dropout": config.dropout,
            "target_modules": config.targets,
            "bias": "none",
            "fan_in_fan_out": false,
            "init_lora_weights": true,
            "use_dora": false,
            "use_rslora": false,
            "rank_pattern": {},
            "alpha_pattern": {},
            "modules_to_save": null,
            "layers_to_transform": null,
            "layers_pattern": null,
        });
        Ok(thinksafe_core::fs::write_json(self.config_path(), "adapter configuration", &json)?)
    }

    /// Reads `adapter_config.json` and refuses by name every setting that is not implemented.
    pub(crate) fn read_config(&self) -> Result<LoraConfig, Error> {
        let path = self.config_path();
        let json: Map<String, Value> =
            thinksafe_core::fs::read_json(&path, "adapter configuration")?;
        let origin = path.display().to_string();
        for (field, value) in &json {
            if let Some(expected) = unsupported(field, value) {
                return Err(wrong(&origin, field, Some(value), expected));
            }
        }
        let field = |field: &str, expected: &str, ok: &dyn Fn(&Value) -> bool| {
            let value = json.get(field);
            value.filter(|v| ok(v)).ok_or_else(|| wrong(&origin, field, value, expected))
        };
        field("peft_type", "LORA", &|v| v == "LORA")?;
        let rank = field("r", "a positive whole number", &Value::is_u64)?;
        let alpha = field("lora_alpha", "a positive number", &Value::is_number)?;
        let dropout = match json.get("lora_dropout") {
            None => 0.0,
            Some(_) => {
                field("lora_dropout", "a number", &Value::is_number)?.as_f64().unwrap_or(f64::NAN)
            }
        };
        let names =
            |v: &Value| v.as_array().is_some_and(|names| names.iter().all(Value::is_string));
        let targets = field("target_modules", "a list of projection names", &names)?;
        let names = targets.as_array().into_iter().flatten().filter_map(Value::as_str);
        let mut targets: Vec<String> = names.map(str::to_owned).collect();
        targets.sort();
        let config = LoraConfig {
            rank: rank.as_u64().and_then(|r| u32::try_from(r).ok()).unwrap_or(0),
            alpha: alpha.as_f64().unwrap_or(f64::NAN),
            dropout,
            targets,
        };
        config.validate_from(&origin)?;
        Ok(config)
    }
}

/// What a setting would have to be, if it is not something that is implemented or harmless.
fn unsupported(field: &str, value: &Value) -> Option<&'static str> {
    // Read elsewhere, or without effect on a loaded adapter's numbers.
    const FREE: [&str; 17] = [
        "auto_mapping",
        "base_model_name_or_path",
        "inference_mode",
        "init_lora_weights",
        "lora_alpha",
        "lora_dropout",
        "megatron_core",
        "peft_type",
        "peft_version",
        "qalora_group_size",
        "r",
        "revision",
        "runtime_config",
        "target_modules",
        "task_type",
        "ensure_weight_tying",
        "loftq_config",
    ];
    match field {
        "bias" if value != "none" => Some("none"),
        "bias" => None,
        _ if FREE.contains(&field) || is_unset(value) => None,
        _ => Some("unset: it is not supported"),
    }
}

/// PEFT writes switched-off features as null, false or empty.
fn is_unset(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

fn wrong(origin: &str, field: &str, found: Option<&Value>, expected: &str) -> Error {
    Error::AdapterConfig {
        origin: origin.to_owned(),
        field: field.to_owned(),
        found: found.map_or_else(|| "absent".to_owned(), Value::to_string),
        expected: expected.to_owned(),
    }
}
