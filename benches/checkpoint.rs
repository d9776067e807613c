//! Checkpoints with random weights, in the layout that we and `transformers` read alike.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use thinksafe_core::fs;
use thinksafe_core::seed::Seed;
use thinksafe_runtime::{CausalLm, Error, ModelConfig, Placement, Precision};

use crate::shape::Shape;

/// The special tokens, by id; all others are the words `w4`, `w5`, ...
const SPECIAL: [&str; 4] = ["<pad>", "<s>", "</s>", "<unk>"];

/// The folder of a shape's checkpoint below `models`; it is written if it is not there.
///
/// # Errors
/// If the folder cannot be written.
pub fn find_or_write(models: &Path, shape: Shape) -> Result<PathBuf, Error> {
    let dir = models.join(shape.name());
    // Written last, so that a folder that has it is whole.
    if !dir.join("config.json").exists() {
        write(&dir, &shape.config())?;
    }
    Ok(dir)
}

/// Writes a checkpoint: bf16 weights and a word-level tokenizer with a word for every id.
///
/// # Errors
/// If the folder cannot be written.
pub fn write(dir: &Path, config: &ModelConfig) -> Result<(), Error> {
    fs::create_dir_all(dir)?;
    let tokenizer = tokenizer(config.vocab_size as u32);
    fs::write_json(dir.join("tokenizer.json"), "tokenizer", &tokenizer)?;
    let settings = json!({"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "<pad>",
        "unk_token": "<unk>"});
    fs::write_json(dir.join("tokenizer_config.json"), "tokenizer configuration", &settings)?;
    let placement = Placement { precision: Precision::Bf16, ..Placement::CPU_F32 };
    CausalLm::random(config.clone(), placement, Seed(0))?.save(dir)
}

fn tokenizer(vocab: u32) -> Value {
    let word = |id: u32| match SPECIAL.get(id as usize) {
        Some(special) => (*special).to_owned(),
        None => format!("w{id}"),
    };
    let words: Map<String, Value> = (0..vocab).map(|id| (word(id), id.into())).collect();
    let added: Vec<Value> = (0..)
        .zip(SPECIAL)
        .map(|(id, content): (u32, _)| {
            json!({"id": id, "content": content, "single_word": false, "lstrip": false,
                "rstrip": false, "normalized": false, "special": true})
        })
        .collect();
    json!({"version": "1.0", "truncation": null, "padding": null, "added_tokens": added,
        "normalizer": null, "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": null,
        "decoder": null, "model": {"type": "WordLevel", "vocab": words, "unk_token": "<unk>"}})
}

#[cfg(test)]
mod tests {
    use super::*;
    use thinksafe_chat::Chat;

    #[test]
    fn a_checkpoint_is_written_once_and_has_no_end_of_turn() {
        let models = tempfile::tempdir().unwrap();
        let dir = find_or_write(models.path(), Shape::Tiny).unwrap();
        let weights = dir.join("model.safetensors");
        let written = || std::fs::metadata(&weights).unwrap().modified().unwrap();
        let first = written();
        assert_eq!(find_or_write(models.path(), Shape::Tiny).unwrap(), dir);
        assert_eq!(written(), first);
        let chat = Chat::load(&dir).unwrap();
        assert_eq!(chat.end_of_turn_ids(), [0; 0]);
        assert_eq!(chat.decode(&[4, 4095]).unwrap(), "w4 w4095");
        let placement = Placement { precision: Precision::Bf16, ..Placement::CPU_F32 };
        CausalLm::load(&dir, placement).unwrap();
    }
}
