//! The trained models in this crate, and how they become plain folders and files.

use std::path::{Path, PathBuf};

use serde::Serialize;
use thinksafe_core::Error;
use thinksafe_core::fs;

use crate::pools::Pool;
use crate::prompts::{HeldOut, post_training};

macro_rules! folder {
    ($name:literal) => {
        [
            ("config.json", include_bytes!(concat!("../data/", $name, "/config.json"))),
            (
                "generation_config.json",
                include_bytes!(concat!("../data/", $name, "/generation_config.json")),
            ),
            ("tokenizer.json", include_bytes!(concat!("../data/", $name, "/tokenizer.json"))),
            (
                "tokenizer_config.json",
                include_bytes!(concat!("../data/", $name, "/tokenizer_config.json")),
            ),
            (
                "chat_template.jinja",
                include_bytes!(concat!("../data/", $name, "/chat_template.jinja")),
            ),
            ("model.safetensors", include_bytes!(concat!("../data/", $name, "/model.safetensors"))),
        ]
    };
}

/// Name and content of each file of a model folder.
type Folder = [(&'static str, &'static [u8]); 6];

const MODEL: Folder = folder!("model");
const GUARD: Folder = folder!("guard");

/// Where [`write_to`] put everything.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct World {
    /// The reasoner's Hugging Face folder.
    pub model: PathBuf,
    /// The guard's Hugging Face folder.
    pub guard: PathBuf,
    /// The post-training prompts with their labels, JSON Lines.
    pub prompts: PathBuf,
    /// Held-out prompt sets by name, JSON Lines.
    pub evaluation: Vec<(&'static str, PathBuf)>,
    /// Held-out arithmetic with reference answers, JSON Lines.
    pub arithmetic: PathBuf,
}

/// Writes the models, the prompts and the held-out sets into a directory, as anyone would keep them on disk.
///
/// ```text
/// model/ guard/           Hugging Face folders
/// prompts.jsonl           id, text, label
/// eval/<set>.jsonl        id, text, label
/// eval/arithmetic.jsonl   id, problem, answer
/// ```
///
/// # Errors
/// [`Error::Io`] with the file that could not be written.
pub fn write_to(dir: impl AsRef<Path>) -> Result<World, Error> {
    let dir = dir.as_ref();
    let held_out = HeldOut::of(Pool::Evaluation);
    let evaluation = held_out
        .prompt_sets()
        .into_iter()
        .map(|(name, prompts)| {
            Ok((name, write_lines(dir.join(format!("eval/{name}.jsonl")), prompts)?))
        })
        .collect::<Result<_, Error>>()?;
    Ok(World {
        model: write_folder(dir.join("model"), &MODEL)?,
        guard: write_folder(dir.join("guard"), &GUARD)?,
        prompts: write_lines(dir.join("prompts.jsonl"), &post_training())?,
        evaluation,
        arithmetic: write_lines(dir.join("eval/arithmetic.jsonl"), &held_out.arithmetic)?,
    })
}

fn write_folder(dir: PathBuf, folder: &Folder) -> Result<PathBuf, Error> {
    for (name, content) in folder {
        fs::write_atomic(dir.join(name), content)?;
    }
    Ok(dir)
}

fn write_lines<T: Serialize>(path: PathBuf, items: &[T]) -> Result<PathBuf, Error> {
    let mut lines = String::new();
    for item in items {
        let line = serde_json::to_string(item)
            .map_err(|source| Error::Serialize { what: "a prompt", source })?;
        lines.push_str(&line);
        lines.push('\n');
    }
    fs::write_atomic(&path, lines)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use thinksafe_core::prompt::LabeledPrompt;

    use super::*;
    use crate::folders::{guard_files, model_files};

    #[test]
    fn the_folders_are_those_that_the_code_writes() {
        for (folder, files) in [(MODEL, model_files()), (GUARD, guard_files())] {
            for (name, content) in files {
                let (_, embedded) = folder.iter().find(|(n, _)| *n == name).unwrap();
                assert!(*embedded == content.as_bytes(), "{name}: write the folders again");
            }
        }
    }

    #[test]
    fn everything_is_small() {
        let bytes: usize = MODEL.iter().chain(&GUARD).map(|(_, content)| content.len()).sum();
        assert!(bytes < 10_000_000, "{bytes}");
    }

    #[test]
    fn a_written_world_reads_back() {
        let dir = tempfile::tempdir().unwrap();
        let world = write_to(dir.path()).unwrap();
        assert!(world.model.join("model.safetensors").is_file());
        assert!(world.guard.join("tokenizer.json").is_file());
        assert_eq!(world.evaluation.len(), 5);
        for path in world.evaluation.iter().map(|(_, path)| path).chain([&world.prompts]) {
            for line in std::fs::read_to_string(path).unwrap().lines() {
                serde_json::from_str::<LabeledPrompt>(line).unwrap();
            }
        }
        let problems = std::fs::read_to_string(&world.arithmetic).unwrap();
        assert!(problems.lines().count() >= 500);
    }
}
