//! Cases of all formats, told apart by their fields.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use thinksafe_chat::{ChatTemplate, Tokenizer};

use crate::{extraction, math, template, tokenizer};

/// What came of a case.
pub(crate) enum Outcome {
    Passed,
    /// What differs, for people.
    Failed(String),
    /// Why it is nothing that this program checks.
    Skipped(String),
}

/// The folder's templates and tokenizers, loaded when a case first asks for them.
pub(crate) struct Assets {
    dir: PathBuf,
    templates: HashMap<String, Result<ChatTemplate, String>>,
    tokenizers: HashMap<String, Result<Tokenizer, String>>,
}

impl Assets {
    pub(crate) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), templates: HashMap::new(), tokenizers: HashMap::new() }
    }

    pub(crate) fn template(&mut self, file: &str) -> Result<&ChatTemplate, String> {
        let path = self.dir.join(file);
        let load = || {
            let source = thinksafe_core::fs::read_to_string(&path).map_err(|e| e.to_string())?;
            ChatTemplate::new(&source, &path).map_err(|e| e.to_string())
        };
        self.templates.entry(file.to_owned()).or_insert_with(load).as_ref().map_err(Clone::clone)
    }

    pub(crate) fn tokenizer(&mut self, name: &str) -> Result<&Tokenizer, String> {
        let path = self.dir.join("tokenizers").join(name).join("tokenizer.json");
        let load = || Tokenizer::from_file(&path).map_err(|e| e.to_string());
        self.tokenizers.entry(name.to_owned()).or_insert_with(load).as_ref().map_err(Clone::clone)
    }
}

/// Runs the case on a line and names it; `None` if it has the fields of no known format.
pub(crate) fn run(line: &str, assets: &mut Assets) -> Option<(String, Outcome)> {
    let fields: Value = serde_json::from_str(line).ok()?;
    let has = |names: &[&str]| names.iter().all(|name| fields.get(name).is_some());
    if has(&["template_file", "messages", "add_generation_prompt"]) {
        return Some(template::run(fields, assets));
    }
    if has(&["tokenizer", "text", "add_special_tokens", "ids"]) {
        return Some(tokenizer::run(fields, assets));
    }
    if has(&["prediction", "reference", "expected", "mode"]) {
        return Some(math::run(fields));
    }
    if has(&["fn", "input", "expected"]) {
        return Some(extraction::run(fields));
    }
    None
}

/// The outcome of a check that tells why it failed.
pub(crate) fn outcome(checked: Result<(), String>) -> Outcome {
    match checked {
        Ok(()) => Outcome::Passed,
        Err(reason) => Outcome::Failed(reason),
    }
}
