//! What is fetched: a repository at a revision, and which of its files.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// What a repository holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(clippy::exhaustive_enums, reason = "the two kinds that are of use here")]
pub enum Kind {
    /// Weights, configuration, tokenizer.
    Model,
    /// Rows.
    Dataset,
}

/// A repository at a revision.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repo {
    /// What it holds.
    pub kind: Kind,
    /// `owner/name`, or a name alone.
    pub id: String,
    /// A branch, a tag or a commit. What is named by a full commit never changes.
    pub revision: String,
}

impl Repo {
    /// A model's repository, at `main`.
    pub fn model(id: impl Into<String>) -> Self {
        Self { kind: Kind::Model, id: id.into(), revision: "main".to_owned() }
    }

    /// A dataset's repository, at `main`.
    pub fn dataset(id: impl Into<String>) -> Self {
        Self { kind: Kind::Dataset, ..Self::model(id) }
    }

    /// The same at another revision.
    #[must_use]
    pub fn at(mut self, revision: impl Into<String>) -> Self {
        self.revision = revision.into();
        self
    }

    /// Checks that the names are such, and no paths out of the cache.
    pub(crate) fn validate(&self) -> Result<(), Error> {
        let parts: Vec<&str> = self.id.split('/').collect();
        if parts.len() > 2 || parts.iter().any(|part| !is_name(part)) {
            return Err(wrong("repository", &self.id, "owner/name"));
        }
        check_path("revision", &self.revision)
    }
}

/// Which files of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Files {
    /// What a checkpoint or an adapter is loaded from: safetensors, configurations, tokenizer, template.
    Checkpoint,
    /// These, by their paths in the repository.
    Named(Vec<String>),
}

impl Files {
    /// Whether a file is part of a checkpoint: not the same weights in another format, nor what lies in folders.
    pub(crate) fn is_of_checkpoint(name: &str) -> bool {
        match name.rsplit_once('.') {
            Some((stem, _)) if stem.contains('/') => false,
            Some((stem, "safetensors")) => {
                stem.starts_with("model") || stem.starts_with("adapter_model")
            }
            Some((_, extension)) => matches!(extension, "json" | "jinja"),
            None => false,
        }
    }
}

/// A repository's files on disk. As a part of a manifest it says where a run's inputs came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Snapshot {
    /// What was asked for.
    pub repo: Repo,
    /// The commit that it is: 40 hexadecimal digits.
    pub commit: String,
    /// The folder that holds the files under their paths in the repository.
    #[serde(skip)]
    pub dir: PathBuf,
    /// The files, in the order of their names.
    pub files: Vec<String>,
}

pub(crate) fn is_commit(revision: &str) -> bool {
    revision.len() == 40 && revision.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A path within a folder: relative, without a step upwards.
pub(crate) fn check_path(what: &'static str, path: &str) -> Result<(), Error> {
    let inside = path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if inside && !path.contains(['\\', '\0', '?', '#']) {
        return Ok(());
    }
    Err(wrong(what, path, "a/relative/path"))
}

pub(crate) fn wrong(what: &'static str, name: &str, expected: &'static str) -> Error {
    Error::Name { what, name: name.to_owned(), expected }
}

fn is_name(part: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !part.is_empty() && part.bytes().all(plain) && !part.starts_with('.') && !part.contains("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for id in ["", "a/b/c", "../x", "a/..", "/etc", "a b", "a/"] {
            let error = Repo::model(id).validate().unwrap_err();
            assert!(error.to_string().contains("repository"), "{error}");
        }
        for revision in ["", "..", "../../x", "a//b", "a?b"] {
            Repo::model("a/b").at(revision).validate().unwrap_err();
        }
        Repo::model("Qwen/Qwen3-0.6B").at("refs/pr/1").validate().unwrap();
        Repo::dataset("gsm8k").validate().unwrap();
    }

    #[test]
    fn a_checkpoint_is_its_safetensors_and_their_configuration() {
        for (name, expected) in [
            ("model.safetensors", true),
            ("model-00001-of-00002.safetensors", true),
            ("model.safetensors.index.json", true),
            ("adapter_model.safetensors", true),
            ("tokenizer.json", true),
            ("chat_template.jinja", true),
            ("consolidated.safetensors", false),
            ("pytorch_model.bin", false),
            ("original/params.json", false),
            ("README.md", false),
        ] {
            assert_eq!(Files::is_of_checkpoint(name), expected, "{name}");
        }
    }
}
