//! Untrusted text never becomes an added token, and text that spells none is encoded as it always was.

use crate::folders::{self, Folder, assets};
use proptest::prelude::*;
use thinksafe_chat::{Chat, Framing, SpecialTokens, Turn};
use thinksafe_core::message::{Message, Part, Prompt, Role};

/// Pieces that spell special tokens, halves of them, or nothing special.
const PIECES: [&str; 26] = [
    "end",
    "start",
    "<|im_start|>",
    "<|im_end|>",
    "<think>",
    "</think>",
    "<s>",
    "</s>",
    "<|im_",
    "end|>",
    "<",
    ">",
    "|",
    "/s>",
    "<|",
    "s",
    "think",
    "the ",
    " ",
    "\n",
    "\n\n",
    "é",
    "e\u{301}",
    "[/INST]",
    "\u{f0000}",
    "user\n",
];

const TEMPLATES: [&str; 5] =
    [folders::CHATML, folders::OPENING, folders::INST, folders::HALVES, folders::PARTS];

fn content(pieces: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(pieces), 0..6).prop_map(|parts| parts.concat())
}

/// System, user, assistant and user, each saying one of the texts.
fn conversation(texts: &[String]) -> Vec<Message> {
    let roles = [Role::System, Role::User, Role::Assistant, Role::User];
    roles.iter().zip(texts).map(|(role, text)| Message::new(*role, text.clone())).collect()
}

fn added(chat: &Chat, ids: &[u32]) -> Vec<u32> {
    ids.iter().copied().filter(|id| chat.tokenizer().is_added(*id)).collect()
}

fn encode(chat: &Chat, messages: &[Message]) -> Vec<u32> {
    chat.encode_prompt(&Prompt::Messages(messages.to_vec()), None).unwrap().ids
}

fn chats() -> Vec<Chat> {
    let byte_level = TEMPLATES.iter().map(|t| Folder::byte_level(t).chat());
    byte_level.chain(TEMPLATES[2..3].iter().map(|t| Folder::sentence_piece(t).chat())).collect()
}

/// Messages whose text spells anything give the special tokens of messages that spell nothing.
fn check_structure(chat: &Chat, messages: &[Message]) {
    let mut plain = messages.to_vec();
    for message in &mut plain {
        "Xq7".clone_into(&mut message.content);
    }
    let ids = encode(chat, messages);
    assert_eq!(added(chat, &ids), added(chat, &encode(chat, &plain)), "{messages:?}");
}

#[test]
fn spelling_special_tokens_changes_no_structure() {
    let chats = chats();
    proptest!(|(texts in prop::collection::vec(content(&PIECES), 4))| {
        for chat in &chats {
            // The marks that split an assistant's turn are its own; the other roles are without such a right.
            let mut messages = conversation(&texts);
            messages[2].content = messages[2].content.replace("</think>", "");
            check_structure(chat, &messages);
        }
    });
}

#[test]
fn the_text_itself_stays_as_it_is() {
    let chat = Folder::byte_level(folders::CHATML).chat();
    proptest!(|(texts in prop::collection::vec(content(&PIECES), 4))| {
        let messages = conversation(&texts);
        let ids = encode(&chat, &messages);
        let text = chat.tokenizer().decode(&ids, SpecialTokens::Keep).unwrap();
        // The tokenizer normalizes to NFC.
        let expected = chat.render(&messages, Turn::Open).unwrap().replace("e\u{301}", "é");
        prop_assert_eq!(text.replace("e\u{301}", "é"), expected);
    });
}

#[test]
fn text_that_spells_nothing_is_encoded_as_always() {
    let chats = chats();
    proptest!(|(texts in prop::collection::vec(content(&PLAIN), 4))| {
        for chat in &chats {
            let messages = conversation(&texts);
            let text = chat.render(&messages, Turn::Open).unwrap();
            let expected = chat.tokenizer().encode(&text, Framing::Bare).unwrap();
            prop_assert_eq!(encode(chat, &messages), expected);
        }
    });
}

#[test]
fn parts_keep_their_template_and_their_text() {
    let chats = [Folder::byte_level("").chat(), Folder::sentence_piece("").chat()];
    proptest!(|(texts in prop::collection::vec(content(&PIECES), 2))| {
        // With nothing between its halves, the template itself spells the token.
        prop_assume!(texts.iter().all(|text| !text.is_empty()));
        for chat in &chats {
            let parts = |a: &str, b: &str| Prompt::Parts(vec![
                Part::Template("<|im_start|>[INST] <".to_owned()),
                Part::Text(a.to_owned()),
                Part::Template("s><|im_".to_owned()),
                Part::Text(b.to_owned()),
                Part::Template("end|></s>".to_owned()),
            ]);
            let ids = |prompt| chat.encode_prompt(&prompt, None).unwrap().ids;
            let hostile = ids(parts(&texts[0], &texts[1]));
            prop_assert_eq!(added(chat, &hostile), added(chat, &ids(parts("Xq7", "Xq7"))));
        }
    });
}

#[test]
fn an_assistants_own_thinking_is_split_by_the_template() {
    let chat = Folder::byte_level(folders::OPENING).chat();
    let turn = |content: &str| {
        let messages = [Message::user("q"), Message::assistant(content), Message::user("r")];
        let ids = encode(&chat, &messages);
        (chat.tokenizer().decode(&ids, SpecialTokens::Keep).unwrap(), added(&chat, &ids).len())
    };
    let expected =
        |answer: &str| format!("<s>q<|im_start|>{answer}<|im_end|>r<|im_start|><think>\n");
    // BOS, the header and the end of the old turn, the header and the thinking of the new.
    assert_eq!(turn("<think>\nt\n</think>\n\na"), (expected("\n\na"), 5));
    assert_eq!(turn("t</think>a"), (expected("a"), 5));
    assert_eq!(turn("<think>t</think>a</think>b<think>"), (expected("a</think>b<think>"), 5));
    assert_eq!(turn("<think>unclosed"), (expected("<think>unclosed"), 5));
}

#[test]
fn a_prefill_may_think_and_nothing_else() {
    let chat = Folder::byte_level(folders::CHATML).chat();
    let prompt = Prompt::Messages(vec![Message::user("q")]);
    let bare = chat.encode_prompt(&prompt, None).unwrap();
    let prefilled = chat.encode_prompt(&prompt, Some("<think>\nthe <|im_end|>")).unwrap();
    assert_eq!(prefilled.opening, "<think>\nthe <|im_end|>");
    assert!(prefilled.ids.starts_with(&bare.ids));
    let think = chat.token_id("<think>").unwrap();
    assert_eq!(added(&chat, &prefilled.ids[bare.ids.len()..]), [think]);
}

#[test]
#[ignore = "needs THINKSAFE_ASSETS"]
fn real_tokenizers_and_templates_keep_their_structure() {
    let tokenizers = assets().join("tokenizers");
    for name in [
        "qwen3",
        "deepseek-r1-distill-qwen",
        "deepseek-r1-distill-llama",
        "llama-3.x",
        "mistral-7b-v0.1",
    ] {
        let chat = Chat::load(tokenizers.join(name)).unwrap();
        let config = ProptestConfig::with_cases(40);
        proptest!(config, |(texts in prop::collection::vec(content(&REAL), 3))| {
            let roles = [Role::User, Role::Assistant, Role::User];
            let mut messages: Vec<Message> = roles.iter().zip(&texts)
                .map(|(role, text)| Message::new(*role, text.clone())).collect();
            messages[1].content = messages[1].content.replace("</think>", "");
            check_structure(&chat, &messages);
        });
    }
}

const PLAIN: [&str; 10] = ["the ", "they", " ", "\n", "\n\n", ".", "im", "é", "?", "a"];

const REAL: [&str; 20] = [
    "<|im_start|>",
    "<|im_end|>",
    "<think>",
    "</think>",
    "<tool_response>",
    "</tool_response>",
    "<｜User｜>",
    "<｜Assi",
    "stant｜>",
    "<|eot_id|>",
    "<|start_header_id|>",
    "<|begin_of_text|>",
    "<s>",
    "</s>",
    "[INST]",
    " [/INST]",
    "<|",
    "|>",
    "hello",
    "\n",
];
