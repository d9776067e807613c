//! Small Hugging Face folders, made here: tokenizers of every shape that matters, and templates.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use thinksafe_chat::Chat;

/// ChatML with thinking, as Qwen3 writes it.
pub(crate) const CHATML: &str = "\
{%- for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{% endfor -%}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}
{%- if enable_thinking is defined and not enable_thinking %}{{ '<think>\\n\\n</think>\\n\\n' }}{% endif %}{% endif %}";

/// Deletes earlier thinking and opens the next, as DeepSeek-R1 does; writes BOS.
pub(crate) const OPENING: &str = "\
{{ bos_token }}{% for m in messages %}{% if m.role == 'assistant' %}\
{{ '<|im_start|>' + m.content.split('</think>')[-1] + '<|im_end|>' }}{% else %}{{ m.content | trim }}{% endif %}\
{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|><think>\\n' }}{% endif %}";

/// Plain-text marks around the content, without a space, as Mistral's; writes BOS.
pub(crate) const INST: &str = "\
{{ bos_token }}{% for m in messages %}{% if m.role == 'assistant' %}{{ m.content + eos_token }}\
{% else %}{{ '[INST] ' + m.content + ' [/INST]' }}{% endif %}{% endfor %}";

/// Puts the content between halves of a special token.
pub(crate) const HALVES: &str =
    "{% for m in messages %}<|im_{{ m.content }}|>{{ m.content }}end|>{% endfor %}";

/// Takes content as parts, as Llama-Guard-3-1B does.
pub(crate) const PARTS: &str = "\
{% for m in messages %}{% for c in m.content | selectattr('type', 'equalto', 'text') %}\
{{ '<|im_start|>' + m.role + ': ' + c.text | trim + '<|im_end|>' }}{% endfor %}{% endfor %}";

/// A folder that lives as long as this.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    /// Byte-level BPE with the added tokens of ChatML, `<s>` and thinking marks, the latter not special.
    pub(crate) fn byte_level(template: &str) -> Self {
        let config = json!({
            "bos_token": "<s>", "eos_token": {"content": "<|im_end|>"}, "pad_token": null, "chat_template": template,
        });
        Self::new(&byte_level(), &config)
    }

    /// SentencePiece-like BPE with a prepended space, byte fallback, a vocabulary that spells `<s>` and a BOS.
    pub(crate) fn sentence_piece(template: &str) -> Self {
        let config = json!({"bos_token": "<s>", "eos_token": "</s>", "chat_template": template});
        Self::new(&sentence_piece(), &config)
    }

    pub(crate) fn new(tokenizer: &Value, config: &Value) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write("tokenizer.json", &tokenizer.to_string());
        folder.write("tokenizer_config.json", &config.to_string());
        folder
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        std::fs::write(self.0.path().join(file), text).unwrap();
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn chat(&self) -> Chat {
        Chat::load(self.path()).unwrap()
    }
}

/// The folder of real tokenizers and templates.
pub(crate) fn assets() -> PathBuf {
    std::env::var_os("THINKSAFE_ASSETS").expect("THINKSAFE_ASSETS is set").into()
}

pub(crate) fn byte_level() -> Value {
    let mut vocab = Map::new();
    for c in byte_alphabet() {
        vocab.insert(c.to_string(), json!(vocab.len()));
    }
    let merges =
        [["t", "h"], ["th", "e"], ["Ċ", "Ċ"], ["i", "m"], ["<", "|"], ["|", ">"], [".", "Ċ"]];
    for [a, b] in merges {
        vocab.insert(format!("{a}{b}"), json!(vocab.len()));
    }
    let added = added_tokens(
        vocab.len(),
        &[
            ("<s>", true),
            ("<|im_start|>", true),
            ("<|im_end|>", true),
            ("<think>", false),
            ("</think>", false),
        ],
    );
    let byte_level = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false});
    json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added,
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": WORDS}, "behavior": "Isolated", "invert": false}, byte_level,
        ]},
        "post_processor": null, "decoder": byte_level,
        "model": bpe(vocab, &merges, Value::Null, false),
    })
}

pub(crate) fn sentence_piece() -> Value {
    let mut vocab = Map::new();
    for special in ["<unk>", "<s>", "</s>"] {
        vocab.insert(special.to_owned(), json!(vocab.len()));
    }
    for byte in 0..=255_u8 {
        vocab.insert(format!("<0x{byte:02X}>"), json!(vocab.len()));
    }
    for c in "▁abcdefghijklmnopqrstuvwxyzINST<>/|[]_\n?.".chars() {
        vocab.insert(c.to_string(), json!(vocab.len()));
    }
    let merges = [["▁", "t"], ["▁t", "h"], ["]", "a"], ["<", "s"], ["<s", ">"], ["▁", "▁"]];
    for [a, b] in merges {
        let next = json!(vocab.len());
        vocab.entry(format!("{a}{b}")).or_insert(next);
    }
    let added = added_tokens(0, &[("<unk>", true), ("<s>", true), ("</s>", true)]);
    json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added,
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        ]},
        "pre_tokenizer": null,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
        },
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"},
            {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0},
        ]},
        "model": bpe(vocab, &merges, json!("<unk>"), true),
    })
}

/// Words with a space before them, other characters with the newlines after them, newlines, spaces.
const WORDS: &str = r" ?\p{L}+| ?\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

fn bpe(vocab: Map<String, Value>, merges: &[[&str; 2]], unk: Value, byte_fallback: bool) -> Value {
    json!({
        "type": "BPE", "dropout": null, "unk_token": unk, "continuing_subword_prefix": null,
        "end_of_word_suffix": null, "fuse_unk": byte_fallback, "byte_fallback": byte_fallback,
        "ignore_merges": false, "vocab": vocab, "merges": merges,
    })
}

fn added_tokens(first: usize, tokens: &[(&str, bool)]) -> Value {
    let token = |(at, (content, special)): (usize, &(&str, bool))| {
        json!({
            "id": first + at, "content": content, "special": special,
            "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
        })
    };
    tokens.iter().enumerate().map(token).collect()
}

/// The characters by which byte-level BPE writes the 256 bytes.
fn byte_alphabet() -> Vec<char> {
    let printable = |b: &u32| matches!(b, 0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF);
    let others = (0..256).filter(|b| !printable(b)).count() as u32;
    let shifted = (0..others).map(|n| 256 + n);
    (0..256).filter(printable).chain(shifted).filter_map(char::from_u32).collect()
}
