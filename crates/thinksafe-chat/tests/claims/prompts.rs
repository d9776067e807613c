//! Prompts in their three forms, BOS, openings, and the training view.

use crate::folders::{self, Folder, assets};
use proptest::prelude::*;
use serde_json::{Value, json};
use thinksafe_chat::{Chat, Error, Framing, Segments, SpanKind, SpecialTokens};
use thinksafe_core::message::{Message, Part, Prompt};
use thinksafe_core::trace::{ThinkTags, Trace};

fn trace(thinking: Option<&str>, answer: &str) -> Trace {
    Trace { thinking: thinking.map(str::to_owned), answer: answer.to_owned() }
}

fn question() -> Vec<Message> {
    vec![Message::user("the q")]
}

fn count_bos(chat: &Chat, ids: &[u32]) -> usize {
    ids.iter().filter(|id| Some(**id) == chat.bos_id()).count()
}

#[test]
fn there_is_exactly_one_bos() {
    let without = "{% for m in messages %}{{ m.content }}{% endfor %}";
    let messages = || Prompt::Messages(question());
    let parts = |text: &str| Prompt::Parts(vec![Part::Template(text.to_owned())]);
    // The template writes it; only the tokenizer adds it; both would; the text has it already.
    for (folder, prompt) in [
        (Folder::byte_level(folders::OPENING), messages()),
        (Folder::sentence_piece(without), messages()),
        (Folder::sentence_piece(folders::INST), messages()),
        (Folder::sentence_piece(without), parts("[INST] a")),
        (Folder::sentence_piece(without), parts("<s>[INST] a")),
    ] {
        let chat = folder.chat();
        let ids = chat.encode_prompt(&prompt, None).unwrap().ids;
        assert_eq!(count_bos(&chat, &ids), 1, "{prompt:?}");
        assert_eq!(ids.first().copied(), chat.bos_id());
    }
    let chat = Folder::byte_level(folders::CHATML).chat();
    let ids = chat.encode_prompt(&messages(), None).unwrap().ids;
    assert_eq!(count_bos(&chat, &ids), 0, "neither template nor tokenizer asks for one");
}

#[test]
fn add_bos_token_counts_where_the_tokenizer_file_is_silent() {
    let config = json!({"bos_token": "<s>", "add_bos_token": true});
    let chat = Folder::new(&folders::byte_level(), &config).chat();
    let prompt = Prompt::Parts(vec![Part::Text("a".to_owned())]);
    let ids = chat.encode_prompt(&prompt, None).unwrap().ids;
    assert_eq!(ids.first().copied(), chat.bos_id());
    assert_eq!(ids.len(), 2);
}

#[test]
fn the_opening_is_what_the_template_began() {
    let opening = |chat: Chat, prefill| {
        chat.encode_prompt(&Prompt::Messages(question()), prefill).unwrap().opening
    };
    let chatml = || Folder::byte_level(folders::CHATML).chat();
    assert_eq!(opening(chatml(), None), "");
    assert_eq!(opening(chatml(), Some("Sure")), "Sure");
    assert_eq!(
        opening(chatml().with_variable("enable_thinking", false), None),
        "<think>\n\n</think>\n\n"
    );
    let opens = || Folder::byte_level(folders::OPENING).chat();
    assert_eq!(opening(opens(), None), "<think>\n");
    assert_eq!(opening(opens(), Some("Hm")), "<think>\nHm");
}

#[test]
fn ids_are_used_as_they_are() {
    let chat = Folder::byte_level(folders::OPENING).chat();
    let ids = chat.encode_prompt(&Prompt::Messages(question()), None).unwrap().ids;
    let again = chat.encode_prompt(&Prompt::Ids(ids.clone()), Some("<s>the")).unwrap();
    assert!(again.ids.starts_with(&ids));
    assert_eq!(count_bos(&chat, &again.ids), 1);
    assert_eq!(again.opening, "<think>\n<s>the");
}

#[test]
fn a_prefill_after_ids_continues_their_text() {
    let chat = Folder::sentence_piece(folders::INST).chat();
    let prompt = chat.encode_prompt(&Prompt::Messages(question()), None).unwrap().ids;
    let continued = |ids: &[u32], prefill| {
        let prompt = Prompt::Ids(ids.to_vec());
        chat.encode_prompt(&prompt, prefill).unwrap().ids
    };
    assert_eq!(continued(&prompt, None), prompt);
    let ids = continued(&prompt, Some("abc"));
    assert_eq!(chat.decode(&ids).unwrap(), chat.decode(&prompt).unwrap() + "abc");
    let bos = [chat.bos_id().unwrap()];
    let fresh = chat.tokenizer().encode("the", Framing::Special).unwrap();
    assert_eq!(continued(&bos, Some("the")), fresh);
}

#[test]
fn covering_takes_time_in_proportion_to_the_text() {
    let chat = Folder::byte_level(folders::CHATML).chat();
    let hostile = "<|im_end|>".repeat(50_000);
    let start = std::time::Instant::now();
    chat.encode_prompt(&Prompt::Messages(vec![Message::user(hostile)]), None).unwrap();
    assert!(start.elapsed() < std::time::Duration::from_secs(20), "took {:?}", start.elapsed());
}

#[test]
#[ignore = "needs THINKSAFE_ASSETS"]
fn real_folders_say_how_turns_begin_and_end() {
    let cases: [(&str, Option<u32>, u32, &[u32]); 5] = [
        ("qwen3", None, 151_643, &[151_645, 151_643]),
        ("deepseek-r1-distill-qwen", Some(151_646), 151_643, &[151_643]),
        ("deepseek-r1-distill-llama", Some(128_000), 128_001, &[128_001]),
        ("llama-3.x", Some(128_000), 128_009, &[128_001, 128_008, 128_009]),
        ("mistral-7b-v0.1", Some(1), 2, &[2]),
    ];
    for (name, bos, pad, ends) in cases {
        let chat = Chat::load(assets().join("tokenizers").join(name)).unwrap();
        assert_eq!(
            (chat.bos_id(), chat.pad_id(), chat.end_of_turn_ids()),
            (bos, pad, ends),
            "{name}"
        );
        let ids = chat.encode_prompt(&Prompt::Messages(question()), None).unwrap().ids;
        assert_eq!(count_bos(&chat, &ids), usize::from(bos.is_some()), "{name}");
        let parts = Prompt::Parts(vec![Part::Text("q".to_owned())]);
        let ids = chat.encode_prompt(&parts, None).unwrap().ids;
        assert_eq!(count_bos(&chat, &ids), usize::from(bos.is_some()), "{name}");
        check_example(&chat, &question(), &trace(Some("t"), "a"));
        let again = Chat::load(assets().join("tokenizers").join(name)).unwrap();
        assert_eq!(chat.hash(), again.hash());
        assert_ne!(chat.hash(), again.with_variable("x", 1).hash());
    }
}

#[test]
fn content_is_given_in_the_form_that_the_template_takes() {
    let chat = Folder::byte_level(folders::PARTS).chat();
    let ids = chat.encode_prompt(&Prompt::Messages(question()), None).unwrap().ids;
    let text = chat.tokenizer().decode(&ids, SpecialTokens::Keep).unwrap();
    assert_eq!(text, "<|im_start|>user: the q<|im_end|>");
}

#[test]
fn a_stream_gives_what_decoding_at_once_gives() {
    let check = |chat: &Chat, ids: &[u32]| {
        let mut stream = chat.stream_decoder();
        let mut text = String::new();
        for id in ids {
            text.push_str(&stream.push(*id).unwrap());
        }
        text.push_str(&stream.finish().unwrap());
        assert_eq!(text, chat.decode(ids).unwrap());
    };
    let chat = Folder::byte_level("").chat();
    let size = chat.tokenizer().vocab_size() as u32;
    proptest!(|(ids in prop::collection::vec(0..size, 0..20))| check(&chat, &ids));
    let chat = Folder::sentence_piece("").chat();
    proptest!(|(text in "(the | |\n|é|👩|[a-zA-Z0-9]){0,12}")| {
        check(&chat, &chat.tokenizer().encode(&text, Framing::Special).unwrap());
    });
}

#[test]
fn end_of_turn_comes_from_configuration_and_template() {
    let folder = Folder::byte_level(folders::CHATML);
    let end = folder.chat().token_id("<|im_end|>").unwrap();
    assert_eq!(folder.chat().end_of_turn_ids(), [end]);
    assert_eq!(folder.chat().configured_stop_ids(), [end]);
    assert_eq!(folder.chat().pad_id(), end, "eos stands in for pad");
    folder.write("config.json", r#"{"eos_token_id": 3}"#);
    assert_eq!(folder.chat().end_of_turn_ids(), [3, end]);
    folder.write("generation_config.json", r#"{"eos_token_id": [5, 7]}"#);
    assert_eq!(folder.chat().end_of_turn_ids(), [5, 7, end]);
    assert_eq!(folder.chat().configured_stop_ids(), [5, 7], "the template's end is not configured");
}

/// What every example must be, whatever its texts.
fn check_example(chat: &Chat, messages: &[Message], trace: &Trace) -> Segments {
    let prompt = chat.encode_prompt(&Prompt::Messages(messages.to_vec()), None).unwrap();
    let example = chat.encode_example(messages, trace).unwrap();
    assert!(example.ids.starts_with(&prompt.ids) && example.ids.len() > prompt.ids.len());
    assert_eq!(example.prompt_len(), prompt.ids.len());
    let mut at = 0;
    for span in &example.spans {
        assert_eq!(span.range.start, at, "spans follow each other");
        assert!(!span.range.is_empty());
        at = span.range.end;
    }
    assert_eq!(at, example.ids.len());
    assert!(chat.end_of_turn_ids().contains(example.ids.last().unwrap()));
    example
}

/// Wherever a text is cut, its tokens are those that begin before the cut and those that begin behind it.
fn check_places(example: &Segments, trace: &Trace) {
    let thinking = trace.thinking.as_deref().unwrap_or_default();
    for (kind, text) in [(SpanKind::Thinking, thinking), (SpanKind::Answer, &trace.answer)] {
        let range = example.range(kind);
        for cut in 0..=text.len() {
            let (before, behind) =
                (example.within(kind, &(0..cut)), example.within(kind, &(cut..text.len())));
            assert_eq!(
                (before.start, before.end, behind.end),
                (range.start, behind.start, range.end)
            );
        }
    }
}

#[test]
fn bytes_of_a_trace_are_found_among_the_ids() {
    for template in [folders::CHATML, folders::OPENING] {
        let chat = Folder::byte_level(template).chat();
        let answer = "the <|im_end|> a.é the";
        let example = check_example(&chat, &question(), &trace(Some("\nthe t"), answer));
        let text = |kind, bytes| {
            let ids = &example.ids[example.within(kind, &bytes)];
            chat.tokenizer().decode(ids, SpecialTokens::Keep).unwrap()
        };
        for needle in ["<|im_end|>", "a.", "é", " the"] {
            let at = answer.rfind(needle).unwrap();
            assert_eq!(text(SpanKind::Answer, at..at + needle.len()), needle);
        }
        assert_eq!(text(SpanKind::Thinking, 1..6), "the t");
        assert_eq!(text(SpanKind::Prompt, 0..6), "");
    }
}

#[test]
fn an_example_is_the_turn_as_the_model_writes_it() {
    let pieces = ["<think>", "</think>", "<|im_end|>", "the ", "a.", "\n", " ", "é"];
    let text = || {
        prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..5).prop_map(|p| p.concat())
    };
    for template in [folders::CHATML, folders::OPENING] {
        let chat = Folder::byte_level(template).chat();
        proptest!(|(question in text(), thinking in text(), answer in text(), thinks: bool)| {
            let trace = Trace { thinking: thinks.then_some(thinking), answer };
            let messages = [Message::user(question)];
            let example = check_example(&chat, &messages, &trace);
            check_places(&example, &trace);
            let prompt = chat.encode_prompt(&Prompt::Messages(messages.to_vec()), None).unwrap();
            let written = &example.ids[example.prompt_len()..example.ids.len() - 1];
            let turn = prompt.opening.clone() + &chat.tokenizer().decode(written, SpecialTokens::Keep).unwrap();
            let expected = match (&trace.thinking, prompt.opening.is_empty()) {
                (None, false) => Trace { thinking: Some(String::new()), ..trace },
                _ => trace,
            };
            prop_assert_eq!(turn, expected.to_turn(&ThinkTags::default()));
        });
    }
}

#[test]
fn spans_name_the_parts() {
    let chat = Folder::byte_level(folders::CHATML).chat();
    let example = check_example(&chat, &question(), &trace(Some("the t."), "the a"));
    let text = |kind| {
        chat.tokenizer().decode(&example.ids[example.range(kind)], SpecialTokens::Keep).unwrap()
    };
    assert_eq!(text(SpanKind::ThinkOpen), "<think>\n");
    // `.` and the newline after it are one token: it counts where it begins.
    assert_eq!(text(SpanKind::Thinking), "the t.\n");
    assert_eq!(text(SpanKind::ThinkClose), "</think>\n\n");
    assert_eq!(text(SpanKind::Answer), "the a");
    assert_eq!(text(SpanKind::EndOfTurn), "<|im_end|>");

    let chat = Folder::byte_level(folders::OPENING).chat();
    let example = check_example(&chat, &question(), &trace(Some("t"), "a"));
    assert!(example.range(SpanKind::ThinkOpen).is_empty(), "the template opened the thinking");
    assert_eq!(example.range(SpanKind::Thinking).len(), 1);
}

#[test]
fn no_token_crosses_from_the_prompt_into_the_turn() {
    // Encoded in one go, `[/INST]` and `a` would share the token `]a`.
    let chat = Folder::sentence_piece(folders::INST).chat();
    let example = check_example(&chat, &question(), &trace(None, "abc"));
    assert_eq!(chat.decode(&example.ids[example.range(SpanKind::Answer)]).unwrap(), "abc");
}

#[test]
fn a_trace_must_continue_what_the_template_opened() {
    let chat = Folder::byte_level(folders::CHATML).chat().with_variable("enable_thinking", false);
    let error = chat.encode_example(&question(), &trace(Some("t"), "a")).unwrap_err();
    assert!(matches!(error, Error::Opening { .. }), "{error}");
    check_example(&chat, &question(), &trace(None, "a"));
}

/// Ids from transformers; written by `gen_chat_golden.py`.
#[test]
#[ignore = "needs THINKSAFE_ASSETS"]
fn real_models_give_the_ids_of_transformers() {
    let golden = include_str!("../golden/chat.jsonl");
    let mut name = String::new();
    let mut chat = None;
    for line in golden.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        if name != case["tokenizer"] {
            name = case["tokenizer"].as_str().unwrap().to_owned();
            chat = Some(Chat::load(assets().join("tokenizers").join(&name)).unwrap());
        }
        let chat = chat.as_ref().unwrap();
        let ids = |field: &str| serde_json::from_value::<Vec<u32>>(case[field].clone()).unwrap();
        let messages: Vec<Message> = serde_json::from_value(case["messages"].clone()).unwrap();
        let prompt = chat.encode_prompt(&Prompt::Messages(messages.clone()), None).unwrap();
        assert_eq!(prompt.ids, ids("prompt_ids"), "{line}");
        assert!(count_bos(chat, &prompt.ids) <= 1);
        let trace: Trace = serde_json::from_value(case["trace"].clone()).unwrap();
        let example = check_example(chat, &messages, &trace);
        assert_eq!(example.ids, ids("example_ids"), "{line}");
    }
    assert!(golden.lines().count() >= 20);
}
