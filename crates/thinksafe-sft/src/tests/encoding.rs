//! From texts to examples, with a small character tokenizer.

use std::path::{Path, PathBuf};

use thinksafe_chat::{Chat, SpanKind};
use thinksafe_core::message::{Message, Prompt};
use thinksafe_core::prompt::PromptLabel;
use thinksafe_core::trace::Trace;

use crate::{Encoding, Example, Overlong, SkipReason, Supervise, TracePart, TrainingText, encode};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/tokenizer")
}

fn chat() -> Chat {
    Chat::load(folder()).unwrap()
}

fn text(id: &str, thinking: Option<&str>, answer: &str) -> TrainingText {
    let trace = Trace { thinking: thinking.map(str::to_owned), answer: answer.to_owned() };
    TrainingText::new(id, "two plus two?", trace).labeled(PromptLabel::VanillaBenign)
}

/// The text of the tokens that are learnt; special tokens do not show.
fn learnt(chat: &Chat, example: &Example) -> String {
    let pairs = example.ids.iter().zip(&example.weights);
    let ids: Vec<u32> = pairs.filter(|(_, w)| **w > 0.0).map(|(id, _)| *id).collect();
    chat.decode(&ids).unwrap()
}

fn encode_one(supervise: Supervise) -> Example {
    let encoding = Encoding { supervise, ..Encoding::default() };
    encode(&[text("a", Some("so four"), "4!")], &chat(), &encoding).unwrap().examples.remove(0)
}

#[test]
fn the_turn_is_learnt_and_the_prompt_is_not() {
    let chat = chat();
    let example = encode_one(Supervise::Turn);
    assert_eq!(learnt(&chat, &example), "<think>\nso four\n</think>\n\n4!");
    let prompt = Prompt::Messages(vec![Message::user("two plus two?")]);
    let prompt = chat.encode_prompt(&prompt, None).unwrap().ids;
    assert!(example.ids.starts_with(&prompt));
    assert!(example.weights[..prompt.len()].iter().all(|w| *w == 0.0));
    assert!(example.weights[prompt.len()..].iter().all(|w| *w == 1.0));
    assert_eq!(example.label, Some(PromptLabel::VanillaBenign));
}

#[test]
fn the_token_that_ends_the_turn_is_learnt_also_where_it_pads() {
    let plain = chat();
    let dir = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, dir.path().join(path.file_name().unwrap())).unwrap();
    }
    let config = dir.path().join("tokenizer_config.json");
    let settings = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, settings.replace("\"<pad>\"", "\"<|im_end|>\"")).unwrap();
    let shared = Chat::load(dir.path()).unwrap();
    assert_ne!(plain.pad_id(), plain.end_of_turn_ids()[0]);
    assert_eq!(shared.pad_id(), shared.end_of_turn_ids()[0]);
    for chat in [plain, shared] {
        let texts = [text("a", Some("so four"), "4!")];
        let example = encode(&texts, &chat, &Encoding::default()).unwrap().examples.remove(0);
        assert!(chat.end_of_turn_ids().contains(example.ids.last().unwrap()));
        assert_eq!(example.weights.last(), Some(&1.0));
    }
}

#[test]
fn parts_can_be_learnt_alone_or_weighted() {
    let chat = chat();
    assert_eq!(learnt(&chat, &encode_one(Supervise::Thinking)), "<think>\nso four\n</think>\n\n");
    assert_eq!(learnt(&chat, &encode_one(Supervise::Answer)), "4!");
    let weights = Supervise::Weighted { prompt: 0.05, thinking: 1.0, answer: 2.0 };
    let example = encode_one(weights);
    assert!(example.weights.iter().all(|w| [0.05, 1.0, 2.0].contains(w)));
    assert_eq!((example.weights[0], example.weights.last()), (0.05, Some(&2.0)));
    assert_eq!(weights.weight(SpanKind::ThinkClose).to_bits(), 1.0f32.to_bits());
}

#[test]
fn every_text_is_an_example_or_has_a_reason() {
    let chat = chat();
    let long = "x".repeat(80);
    let mut bad_role = text("refused", None, "4");
    bad_role.messages.clear();
    bad_role.messages.push(Message::user("hi"));
    let texts = [
        text("short", Some("so"), "4"),
        text("long", Some(&long), "4"),
        text("no thinking", None, "4"),
        bad_role,
    ];
    let length = |e: &Example| e.ids.len();
    let encoding = Encoding { max_length: 80, ..Encoding::default() };
    let encoded = encode(&texts, &chat, &encoding).unwrap();
    assert_eq!(encoded.examples.len() + encoded.skipped.len(), texts.len());
    assert_eq!(encoded.skipped[0].id, "long");
    assert!(
        matches!(encoded.skipped[0].reason, SkipReason::TooLong { limit: 80, tokens } if tokens > 80)
    );
    assert_eq!(encoded.tokens(), encoded.examples.iter().map(length).sum::<usize>() as u64);

    let thinking = Encoding { supervise: Supervise::Thinking, ..encoding };
    let encoded = encode(&texts, &chat, &thinking).unwrap();
    let reasons: Vec<&SkipReason> = encoded.skipped.iter().map(|s| &s.reason).collect();
    assert!(reasons.contains(&&SkipReason::NothingSupervised), "{reasons:?}");

    let truncated = Encoding { overlong: Overlong::Truncate, ..encoding };
    let encoded = encode(&texts, &chat, &truncated).unwrap();
    assert_eq!((encoded.skipped.len(), &encoded.truncated[..]), (0, &["long".to_owned()][..]));
    let cut = &encoded.examples[1];
    assert_eq!(cut.ids.len(), 80);
    assert!(!chat.end_of_turn_ids().contains(&cut.ids[79]), "the end is what is lost");
    let short = Encoding { max_length: 10, ..truncated };
    let encoded = encode(&texts, &chat, &short).unwrap();
    assert!(encoded.skipped.iter().all(|s| s.reason == SkipReason::NothingSupervised));
    assert_eq!(encoded.skipped.len(), 4, "only prompt is left of them");
}

#[test]
fn options_out_of_range_are_refused() {
    let weights = Supervise::Weighted { prompt: -1.0, thinking: 1.0, answer: 1.0 };
    let cases = [
        ("max_length", Encoding { max_length: 1, ..Encoding::default() }),
        ("supervise", Encoding { supervise: weights, ..Encoding::default() }),
    ];
    for (field, encoding) in cases {
        let error = encode(&[], &chat(), &encoding).unwrap_err().to_string();
        assert!(error.contains(field), "{error}");
    }
}

#[test]
fn spans_of_a_trace_have_weights_of_their_own() {
    let chat = chat();
    let answer = "so <|im_end|> is 4!";
    let of = |needle: &str| answer.find(needle).map(|at| at..at + needle.len()).unwrap();
    let one = |text: TrainingText| {
        let mut encoded = encode(&[text], &chat, &Encoding::default()).unwrap();
        encoded.examples.pop().ok_or_else(|| encoded.skipped.remove(0).reason)
    };
    let plain = text("a", Some("two and two"), answer);
    let example = one(plain
        .clone()
        .weighted(TracePart::Answer, of("<|im_end|> is"), 0.0)
        .weighted(TracePart::Thinking, 4..7, 0.0)
        .weighted(TracePart::Answer, of("4"), 2.0))
    .unwrap();
    assert_eq!(learnt(&chat, &example), "<think>\ntwo  two\n</think>\n\nso  4!");
    let heavy: Vec<u32> = example
        .ids
        .iter()
        .zip(&example.weights)
        .filter(|(_, w)| **w == 2.0)
        .map(|(id, _)| *id)
        .collect();
    assert_eq!(chat.decode(&heavy).unwrap(), "4");

    let cases = [
        (TracePart::Answer, 0..99, 1.0),
        (TracePart::Answer, 0..1, -1.0),
        (TracePart::Thinking, 0..1, f32::NAN),
    ];
    for (part, bytes, weight) in cases {
        let reason = one(plain.clone().weighted(part, bytes, weight)).unwrap_err();
        assert!(matches!(reason, SkipReason::Span { .. }), "{reason}");
    }
}
