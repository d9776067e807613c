//! The tokenizers, read by the library that everyone reads them with.

use std::collections::HashSet;
use std::sync::LazyLock;

use proptest::prelude::*;
use thinksafe_core::seed::Seed;
use thinksafe_mini::{
    HeldOut, JudgedText, Pool, Pretraining, guard_files, model_files, post_training,
};
use tokenizers::Tokenizer;

fn tokenizer(files: Vec<thinksafe_mini::File>) -> Tokenizer {
    let file = files.into_iter().find(|(name, _)| *name == "tokenizer.json");
    file.and_then(|(_, json)| json.parse().ok()).expect("a readable tokenizer")
}

fn tokens(tokenizer: &Tokenizer, text: &str) -> Vec<String> {
    tokenizer.encode(text, false).expect("any text encodes").get_tokens().to_vec()
}

/// Two letters in a row, each a token of its own: a word that fell apart.
fn broken(tokens: &[String]) -> bool {
    let letter = |token: &String| token.len() == 1 && token.as_bytes()[0].is_ascii_alphabetic();
    tokens.windows(2).any(|pair| pair.iter().all(letter))
}

#[test]
fn every_word_of_the_world_is_one_token_in_both_tokenizers() {
    let (model, guard) = (tokenizer(model_files()), tokenizer(guard_files()));
    let text = Pretraining::new(Seed(77));
    for index in 0..3000 {
        let sample = text.sample(index);
        let turn = format!("<think>\n{}\n</think>\n\n{}", sample.thinking, sample.answer);
        for text in [&sample.prompt, &turn] {
            assert!(!broken(&tokens(&model, text)), "{text}");
        }
        let judged = JudgedText(Seed(78)).sample(index);
        let seen = format!("User: {}\n\nAgent: {}", judged.prompt, judged.turn);
        assert!(!broken(&tokens(&guard, &seen)), "{seen}");
    }
    let held_out = HeldOut::of(Pool::Evaluation);
    let sets = held_out.prompt_sets().into_iter().flat_map(|(_, prompts)| prompts.to_vec());
    for prompt in sets.chain(post_training()) {
        assert!(!broken(&tokens(&model, &prompt.text)), "{}", prompt.text);
        let seen = format!("User: {}", prompt.text);
        assert!(!broken(&tokens(&guard, &seen)), "{seen}");
    }
}

#[test]
fn digits_marks_and_verdicts_are_single_tokens() {
    let model = tokenizer(model_files());
    assert_eq!(tokens(&model, "12+3"), ["1", "2", "+", "3"]);
    assert_eq!(tokens(&model, "<think>\n"), ["<think>", "Ċ"]);
    assert_eq!(tokens(&model, "</think>\n\nStep"), ["</think>", "ĊĊ", "Step"]);
    let guard = tokenizer(guard_files());
    assert_eq!(tokens(&guard, "\n\nsafe"), ["ĊĊ", "safe"]);
    assert_eq!(tokens(&guard, "\n\nunsafe\nS1"), ["ĊĊ", "unsafe", "Ċ", "S", "1"]);
    let with_bos = guard.encode("safe", true).unwrap();
    assert_eq!(with_bos.get_tokens(), ["<|begin_of_text|>", "safe"]);
}

#[test]
fn ids_are_dense() {
    for files in [model_files(), guard_files()] {
        let tokenizer = tokenizer(files);
        let ids: HashSet<u32> = tokenizer.get_vocab(true).into_values().collect();
        assert_eq!(ids.len(), tokenizer.get_vocab_size(true));
        assert_eq!(ids.into_iter().max(), Some(tokenizer.get_vocab_size(true) as u32 - 1));
    }
}

proptest! {
    #[test]
    fn any_text_decodes_to_itself(text in r"([a-zA-Z0-9 .,\n]|how to|é|漢|\PC|\t|\r){0,30}") {
        static MODEL: LazyLock<Tokenizer> = LazyLock::new(|| tokenizer(model_files()));
        let ids = MODEL.encode(text.as_str(), false).unwrap();
        prop_assert_eq!(MODEL.decode(ids.get_ids(), false).unwrap(), text);
    }
}
