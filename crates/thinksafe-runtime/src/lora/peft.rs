//! PEFT's adapter folder: `adapter_config.json` and `adapter_model.safetensors`.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::lora::{LoraConfig, Modules, Targets};
use crate::{Error, Pattern};

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
            "target_modules": config.targets.modules,
            "exclude_modules": config.targets.exclude,
            "bias": "none",
            "fan_in_fan_out": false,
            "init_lora_weights": true,
            "use_dora": false,
            "use_rslora": config.rslora,
            "rank_pattern": {},
            "alpha_pattern": {},
            "modules_to_save": null,
            "layers_to_transform": config.targets.layers,
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
        let rslora = match json.get("use_rslora") {
            None | Some(Value::Null) => false,
            Some(_) => field("use_rslora", "true or false", &Value::is_boolean)? == true,
        };
        let config = LoraConfig {
            rank: rank.as_u64().and_then(|r| u32::try_from(r).ok()).unwrap_or(0),
            alpha: alpha.as_f64().unwrap_or(f64::NAN),
            rslora,
            dropout,
            targets: targets(&json, &origin)?,
        };
        config.validate_from(&origin)?;
        Ok(config)
    }
}

/// The settings that choose projections.
fn targets(json: &Map<String, Value>, origin: &str) -> Result<Targets, Error> {
    let set = |field: &str| json.get(field).filter(|value| !is_unset(value));
    let modules = |field: &'static str| {
        let read = |value| modules(value, origin, field);
        set(field).map(read).transpose()
    };
    let absent = || {
        let found = json.get("target_modules");
        wrong(origin, "target_modules", found, "a list of names, or a pattern")
    };
    let layers = |value: &Value| {
        let expected = "a layer's index, or a list of them";
        indices(value).ok_or_else(|| wrong(origin, "layers_to_transform", Some(value), expected))
    };
    Ok(Targets {
        modules: modules("target_modules")?.ok_or_else(absent)?,
        exclude: modules("exclude_modules")?,
        layers: set("layers_to_transform").map(layers).transpose()?,
    })
}

/// Names in a fixed order (PEFT writes a set), or a pattern.
fn modules(value: &Value, origin: &str, field: &str) -> Result<Modules, Error> {
    let refuse = |expected: &str| wrong(origin, field, Some(value), expected);
    if let Some(text) = value.as_str() {
        if text.eq_ignore_ascii_case("all-linear") {
            return Ok(Targets::all_linear().modules);
        }
        let pattern = Pattern::new(text);
        return pattern
            .map(Modules::Pattern)
            .map_err(|_| refuse("a regular expression, without look-around"));
    }
    let names = value.as_array().into_iter().flatten().map(Value::as_str);
    let names: Option<Vec<&str>> = names.collect();
    let mut names =
        names.filter(|n| !n.is_empty()).ok_or_else(|| refuse("a list of names, or a pattern"))?;
    names.sort_unstable();
    Ok(Targets::names(names).modules)
}

fn indices(value: &Value) -> Option<Vec<usize>> {
    let one = std::slice::from_ref(value);
    let list = value.as_array().map_or(one, Vec::as_slice);
    list.iter().map(|layer| layer.as_u64().map(|layer| layer as usize)).collect()
}

/// What a setting would have to be, if it is not something that is implemented or harmless.
fn unsupported(field: &str, value: &Value) -> Option<&'static str> {
    // Read elsewhere, or without effect on a loaded adapter's numbers.
    const FREE: [&str; 20] = [
        "auto_mapping",
        "base_model_name_or_path",
        "exclude_modules",
        "inference_mode",
        "init_lora_weights",
        "layers_to_transform",
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
        "use_rslora",
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
    let found = found.map_or_else(|| "absent".to_owned(), Value::to_string);
    super::config::wrong(origin, field, found, expected)
}
