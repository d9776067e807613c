//! The configuration files of a Hugging Face folder: special tokens, template, turn-ending tokens.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use thinksafe_core::fs;

use crate::Error;

/// What the folder's files say, before anything is built from it.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) dir: PathBuf,
    pub(crate) tokenizer: Vec<u8>,
    pub(crate) template: Option<Source>,
    pub(crate) special: SpecialTokens,
    /// `add_bos_token` of `tokenizer_config.json`.
    pub(crate) add_bos: bool,
    /// Ids that end a turn, from `generation_config.json`, else from `config.json`.
    pub(crate) eos_ids: Vec<u32>,
}

/// The text of a chat template and the file it came from.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// A special token and the file that names it.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    pub(crate) token: String,
    pub(crate) path: PathBuf,
    pub(crate) field: &'static str,
}

/// The special tokens that templates see as variables.
#[derive(Debug, Default)]
pub(crate) struct SpecialTokens {
    pub(crate) bos: Option<Named>,
    pub(crate) eos: Option<Named>,
    pub(crate) pad: Option<Named>,
    pub(crate) unk: Option<Named>,
}

impl SpecialTokens {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Named> {
        [&self.bos, &self.eos, &self.pad, &self.unk].into_iter().flatten()
    }
}

impl Folder {
    pub(crate) fn read(dir: &Path) -> Result<Self, Error> {
        let tokenizer = fs::read(dir.join("tokenizer.json"))?;
        let config = Json::read(dir.join("tokenizer_config.json"))?;
        let map = Json::read(dir.join("special_tokens_map.json"))?;
        let special = SpecialTokens {
            bos: special_token("bos_token", &config, &map)?,
            eos: special_token("eos_token", &config, &map)?,
            pad: special_token("pad_token", &config, &map)?,
            unk: special_token("unk_token", &config, &map)?,
        };
        Ok(Self {
            dir: dir.to_owned(),
            tokenizer,
            template: template(dir, &config)?,
            special,
            add_bos: config.flag("add_bos_token")?,
            eos_ids: eos_ids(dir)?,
        })
    }
}

/// An optional JSON file with an object in it; absent means empty.
struct Json {
    path: PathBuf,
    fields: Map<String, Value>,
}

impl Json {
    fn read(path: PathBuf) -> Result<Self, Error> {
        if !path.exists() {
            return Ok(Self { path, fields: Map::new() });
        }
        match fs::read_json(&path, "JSON object")? {
            Value::Object(fields) => Ok(Self { path, fields }),
            other => Err(config_error(&path, "(the whole file)", "an object", &other)),
        }
    }

    /// The field, with JSON's `null` as absent.
    fn get(&self, field: &str) -> Option<&Value> {
        self.fields.get(field).filter(|v| !v.is_null())
    }

    fn flag(&self, field: &str) -> Result<bool, Error> {
        match self.get(field) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => Err(config_error(&self.path, field, "true or false", other)),
        }
    }

    /// A token written as a string or as an object with a `content`.
    fn token(&self, field: &'static str) -> Result<Option<Named>, Error> {
        let expected = "a string or an object with a string `content`";
        let token = match self.get(field) {
            None => return Ok(None),
            Some(Value::String(token)) => token.clone(),
            Some(value) => match value.get("content") {
                Some(Value::String(token)) => token.clone(),
                _ => return Err(config_error(&self.path, field, expected, value)),
            },
        };
        Ok(Some(Named { token, path: self.path.clone(), field }))
    }

    fn ids(&self, field: &str) -> Result<Option<Vec<u32>>, Error> {
        let error = |v| config_error(&self.path, field, "a token id or a list of token ids", v);
        let id = |v: &Value| v.as_u64().and_then(|id| u32::try_from(id).ok());
        match self.get(field) {
            None => Ok(None),
            Some(Value::Array(list)) => list
                .iter()
                .map(|v| id(v).ok_or_else(|| error(v)))
                .collect::<Result<_, _>>()
                .map(Some),
            Some(value) => Ok(Some(vec![id(value).ok_or_else(|| error(value))?])),
        }
    }
}

/// `tokenizer_config.json` first, as transformers does; `special_tokens_map.json` is the older place.
fn special_token(field: &'static str, config: &Json, map: &Json) -> Result<Option<Named>, Error> {
    match config.token(field)? {
        Some(token) => Ok(Some(token)),
        None if config.fields.contains_key(field) => Ok(None),
        None => map.token(field),
    }
}

/// `chat_template.jinja` wins over the `chat_template` field, a template named `default` over its siblings.
fn template(dir: &Path, config: &Json) -> Result<Option<Source>, Error> {
    let path = dir.join("chat_template.jinja");
    if path.exists() {
        return Ok(Some(Source { text: fs::read_to_string(&path)?, path }));
    }
    let expected = "a template, or a list of {name, template} with a `default`";
    let error = |found: &Value| config_error(&config.path, "chat_template", expected, found);
    let text = match config.get("chat_template") {
        None => return Ok(None),
        Some(Value::String(text)) => text,
        Some(Value::Array(list)) => {
            let default = list.iter().find(|entry| entry["name"] == "default");
            let entry = default.or(if list.len() == 1 { list.first() } else { None });
            let text = entry.and_then(|entry| entry["template"].as_str());
            text.ok_or_else(|| error(&Value::Array(list.clone())))?
        }
        Some(other) => return Err(error(other)),
    };
    Ok(Some(Source { path: config.path.clone(), text: text.to_owned() }))
}

fn eos_ids(dir: &Path) -> Result<Vec<u32>, Error> {
    for file in ["generation_config.json", "config.json"] {
        if let Some(ids) = Json::read(dir.join(file))?.ids("eos_token_id")? {
            return Ok(ids);
        }
    }
    Ok(Vec::new())
}

fn config_error(path: &Path, field: &str, expected: &'static str, found: &Value) -> Error {
    let mut found = found.to_string();
    if found.chars().count() > 80 {
        found = found.chars().take(80).chain("...".chars()).collect();
    }
    Error::Config { path: path.to_owned(), field: field.to_owned(), expected, found }
}
