//! Tokenizers of the world: byte-level BPE whose vocabulary holds whole words and which has no merges.
//!
//! Every word of the world is one token with its leading space, every digit is one token, and whatever else a text
//! holds falls apart into its bytes, so that decoding gives back any text exactly.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// What one token can at most hold: a word or a sign with its leading space, a digit, one or two newlines.
const PIECE: &str = r" ?[A-Za-z]+|[0-9]|\n\n|\n| ?[^A-Za-z0-9\s]|\s";

/// A token beyond the words.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Added {
    pub(crate) text: &'static str,
    /// Whether decoding may skip it.
    pub(crate) special: bool,
}

/// The pieces of a text, as [`PIECE`] splits it.
pub(crate) fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(piece_length(rest));
        pieces.push(piece);
        rest = after;
    }
    pieces
}

fn piece_length(text: &str) -> usize {
    let space = usize::from(text.starts_with(' '));
    let letters = text[space..].bytes().take_while(u8::is_ascii_alphabetic).count();
    if letters > 0 {
        return space + letters;
    }
    if text.starts_with("\n\n") {
        return 2;
    }
    match text[space..].chars().next() {
        Some(sign) if !sign.is_ascii_digit() && !sign.is_whitespace() => space + sign.len_utf8(),
        _ => text.chars().next().map_or(0, char::len_utf8),
    }
}

/// The vocabulary: 256 byte symbols, then the pieces in order.
fn vocabulary(pieces: &BTreeSet<String>) -> Vec<String> {
    let symbols = byte_symbols();
    let words = pieces
        .iter()
        .filter(|piece| piece.len() > 1)
        .map(|piece| piece.bytes().map(|byte| symbols[usize::from(byte)]).collect());
    symbols.iter().map(char::to_string).chain(words).collect()
}

/// The printable character that stands for each byte in byte-level vocabularies (GPT-2).
fn byte_symbols() -> [char; 256] {
    let mut next = 256;
    std::array::from_fn(|byte| {
        let printable = matches!(byte, 0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF);
        let code = if printable { byte as u32 } else { next };
        next += u32::from(!printable);
        char::from_u32(code).expect("the symbols lie below the surrogates")
    })
}

/// How many tokens a tokenizer of these pieces and added tokens has.
pub(crate) fn vocabulary_size(pieces: &BTreeSet<String>, added: &[Added]) -> usize {
    vocabulary(pieces).len() + added.len()
}

/// The id of the first added token.
pub(crate) fn first_added_id(pieces: &BTreeSet<String>) -> usize {
    vocabulary(pieces).len()
}

/// The `tokenizer.json`. `bos`: an added token that encoding puts first.
pub(crate) fn tokenizer_json(
    pieces: &BTreeSet<String>,
    added: &[Added],
    bos: Option<&str>,
) -> Value {
    let words = vocabulary(pieces);
    let added_tokens: Vec<Value> = added
        .iter()
        .enumerate()
        .map(|(index, token)| {
            json!({
                "id": words.len() + index, "content": token.text, "special": token.special,
                "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
            })
        })
        .collect();
    let byte_level = json!({
        "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false,
    });
    let bos_id = |bos| words.len() + added.iter().position(|token| token.text == bos).unwrap_or(0);
    let post_processor = bos.map_or(byte_level.clone(), |bos| bos_first(bos, bos_id(bos)));
    let vocabulary: Map<String, Value> =
        words.iter().enumerate().map(|(id, word)| (word.clone(), json!(id))).collect();
    json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added_tokens,
        "normalizer": null,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": PIECE}, "behavior": "Isolated", "invert": false},
            byte_level,
        ]},
        "post_processor": post_processor,
        "decoder": byte_level,
        "model": {
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
            "ignore_merges": true, "vocab": vocabulary, "merges": [],
        },
    })
}

fn bos_first(bos: &str, id: usize) -> Value {
    let token = json!({"SpecialToken": {"id": bos, "type_id": 0}});
    let sequence = |name| json!({"Sequence": {"id": name, "type_id": 0}});
    json!({
        "type": "TemplateProcessing",
        "single": [token, sequence("A")],
        "pair": [token, sequence("A"), token, sequence("B")],
        "special_tokens": {bos: {"id": bos, "ids": [id], "tokens": [bos]}},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_carry_their_leading_space() {
        let split = pieces("Add 12,\n\n\n a  b: é!\t");
        assert_eq!(
            split,
            ["Add", " ", "1", "2", ",", "\n\n", "\n", " a", " ", " b", ":", " é", "!", "\t"]
        );
        assert_eq!(split.concat(), "Add 12,\n\n\n a  b: é!\t");
    }
}
