//! A tokenizer with special tokens and a template, small enough to write down.

use std::path::Path;

use serde_json::json;
use thinksafe_chat::Chat;

/// Words are tokens, unknown ones letters; `<s>` begins a text, `</s>` ends a turn.
pub(crate) fn chat(dir: &Path) -> Chat {
    let words = ["Hello", "safe", "unsafe", "answer", "user", "▁"];
    let letters = (b'!'..=b'~').map(|letter| (letter as char).to_string());
    let plain = words.iter().map(|word| (*word).to_owned()).chain(letters);
    let vocab: serde_json::Map<_, _> = ["<unk>", "<s>", "</s>", "<u>", "<a>"]
        .map(str::to_owned)
        .into_iter()
        .chain(plain)
        .zip(0..)
        .map(|(token, id)| (token, json!(id)))
        .collect();
    let special = |id: u32, content: &str| {
        json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true})
    };
    let merges: Vec<String> =
        words.iter().filter(|word| word.is_ascii()).flat_map(|word| merges(word)).collect();
    let mut vocab = vocab;
    for merge in &merges {
        let joined = merge.replace(' ', "");
        let next = vocab.len();
        vocab.entry(joined).or_insert(json!(next));
    }
    let tokenizer = json!({
        "version": "1.0",
        "added_tokens": [special(0, "<unk>"), special(1, "<s>"), special(2, "</s>"), special(3, "<u>"), special(4, "<a>")],
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        "pre_tokenizer": null,
        "post_processor": {"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}},
        "decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "Fuse"}]},
        "model": {"type": "BPE", "dropout": null, "unk_token": "<unk>", "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "vocab": vocab, "merges": merges},
    });
    let config = json!({"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>",
        "chat_template": "{{ bos_token }}{% for m in messages %}{{ '<u>' if m.role == 'user' else '<a>' }}{{ m.content }}</s>{% endfor %}{% if add_generation_prompt %}<a>{% endif %}"});
    std::fs::write(dir.join("tokenizer.json"), tokenizer.to_string()).unwrap();
    std::fs::write(dir.join("tokenizer_config.json"), config.to_string()).unwrap();
    Chat::load(dir).unwrap()
}

/// The merges that make one token of a word, letter by letter.
fn merges(word: &str) -> Vec<String> {
    let letters = word.char_indices().skip(1);
    letters.map(|(at, letter)| format!("{} {letter}", &word[..at])).collect()
}
