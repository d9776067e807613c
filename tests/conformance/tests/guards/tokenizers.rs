//! Tokenizers to look at prompts through: one made here, and real ones.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use thinksafe_chat::Chat;

/// Special tokens of the families that guards and guarded models belong to; the first is BOS.
pub(crate) const SPECIALS: &[&str] = &[
    // Llama 3
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|python_tag|>",
    "<|finetune_right_pad_id|>",
    "<|reserved_special_token_0|>",
    // Llama 4
    "<|header_start|>",
    "<|header_end|>",
    "<|eot|>",
    // Llama 2, Mistral
    "<s>",
    "</s>",
    "<unk>",
    "[INST]",
    "[/INST]",
    "<<SYS>>",
    "<</SYS>>",
    "[AVAILABLE_TOOLS]",
    "[TOOL_CALLS]",
    "[TOOL_RESULTS]",
    "[/TOOL_RESULTS]",
    // Qwen
    "<|im_start|>",
    "<|im_end|>",
    "<|endoftext|>",
    "<think>",
    "</think>",
    "<tool_call>",
    "</tool_call>",
    "<tool_response>",
    "</tool_response>",
    "<|vision_start|>",
    "<|fim_prefix|>",
    // DeepSeek
    "<｜begin▁of▁sentence｜>",
    "<｜end▁of▁sentence｜>",
    "<｜User｜>",
    "<｜Assistant｜>",
    // Gemma
    "<bos>",
    "<eos>",
    "<start_of_turn>",
    "<end_of_turn>",
    "<pad>",
    "<mask>",
    // Granite
    "<|start_of_role|>",
    "<|end_of_role|>",
    "<|tool_call|>",
    "<|start_of_cite|>",
    // gpt-oss
    "<|start|>",
    "<|end|>",
    "<|message|>",
    "<|channel|>",
    "<|return|>",
    "<|call|>",
    "<|constrain|>",
    "<|startoftext|>",
    // Phi, WildGuard's layout where a vocabulary has it
    "<|system|>",
    "<|user|>",
    "<|assistant|>",
];

/// A folder with a tokenizer of single bytes in which every family's special tokens are special, and a template.
pub(crate) fn every_family(template: &str) -> Chat {
    let mut vocab = Map::new();
    for c in byte_alphabet() {
        vocab.insert(c.to_string(), json!(vocab.len()));
    }
    let special = |(at, content): (usize, &&str)| {
        json!({
            "id": 256 + at, "content": content, "special": true,
            "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
        })
    };
    let added: Vec<Value> = SPECIALS.iter().enumerate().map(special).collect();
    let byte_level = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false});
    let tokenizer = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added, "normalizer": null,
        "pre_tokenizer": byte_level, "post_processor": null, "decoder": byte_level,
        "model": {
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
            "vocab": vocab, "merges": [],
        },
    });
    let config = json!({
        "bos_token": SPECIALS[0], "add_bos_token": true, "eos_token": "<|eot_id|>", "chat_template": template,
    });
    load(&tokenizer.to_string(), Some(&config.to_string()))
}

/// The folder of real tokenizers and templates.
pub(crate) fn assets() -> PathBuf {
    std::env::var_os("THINKSAFE_ASSETS").expect("THINKSAFE_ASSETS is set").into()
}

/// A real tokenizer, with another of the real templates if one is named.
pub(crate) fn real(tokenizer: &str, template: Option<&str>) -> Chat {
    let folder = assets().join("tokenizers").join(tokenizer);
    let Some(template) = template else { return Chat::load(folder).unwrap() };
    let read = |path: PathBuf| std::fs::read_to_string(path).unwrap();
    let mut config: Map<String, Value> =
        serde_json::from_str(&read(folder.join("tokenizer_config.json"))).unwrap();
    let template = read(assets().join("templates").join(template));
    config.insert("chat_template".to_owned(), json!(template));
    load(&read(folder.join("tokenizer.json")), Some(&json!(config).to_string()))
}

/// A template that is kept beside the tests.
pub(crate) fn kept_template(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases/guards");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

fn load(tokenizer: &str, config: Option<&str>) -> Chat {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tokenizer.json"), tokenizer).unwrap();
    if let Some(config) = config {
        std::fs::write(folder.path().join("tokenizer_config.json"), config).unwrap();
    }
    Chat::load(folder.path()).unwrap()
}

/// The characters by which byte-level BPE writes the 256 bytes.
fn byte_alphabet() -> Vec<char> {
    let printable = |b: &u32| matches!(b, 0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF);
    let mut shifted = 0x100..;
    let write = |b: u32| if printable(&b) { b } else { shifted.next().unwrap() };
    (0..=255).map(write).map(|c| char::from_u32(c).unwrap()).collect()
}
