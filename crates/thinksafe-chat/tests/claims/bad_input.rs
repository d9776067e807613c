//! Broken folders and conversations end in a typed error that names the file and the fact.

use crate::folders::{self, Folder};
use serde_json::json;
use thinksafe_chat::{Chat, ChatTemplate, Error};
use thinksafe_core::message::{Message, Prompt};

/// The whole chain of an error's messages.
fn words(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", words(source)),
        None => error.to_string(),
    }
}

#[test]
fn a_broken_folder_is_refused_by_file_and_field() {
    for (file, text, expected) in BROKEN {
        let folder = Folder::byte_level(folders::CHATML);
        folder.write(file, text);
        let error = words(&Chat::load(folder.path()).expect_err(text));
        for fact in expected {
            assert!(error.contains(fact), "{file} {text:?}: {error:?} lacks {fact:?}");
        }
    }
}

#[test]
fn a_folder_without_a_tokenizer_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let error = words(&Chat::load(dir.path()).unwrap_err());
    assert!(error.contains("tokenizer.json"), "{error}");
}

fn fails_with(template: &str, messages: &[Message]) -> Error {
    let chat = Folder::byte_level(template).chat();
    chat.encode_prompt(&Prompt::Messages(messages.to_vec()), None).unwrap_err()
}

#[test]
fn a_template_fails_by_file_and_line() {
    let user = [Message::user("q")];
    let error = fails_with("{{ raise_exception('roles must alternate') }}", &user);
    assert!(
        matches!(&error, Error::TemplateRaised { message, .. } if message == "roles must alternate"),
        "{error}"
    );
    assert!(error.to_string().contains("tokenizer_config.json"), "{error}");
    for template in [
        "\n{{ messages[0].content + none }}",
        "\n{{ messages[9].content }}",
        "\n{{ 'a' | unheard }}",
        "\n{{ unheard() }}",
        "\n{{ messages[0].content.unheard() }}",
        "\n{% if 1 is unheard %}{% endif %}",
        "\n{% include 'other' %}",
        "\n{% for x in none %}{% endfor %}",
        "\n{{ messages | tojson(nonsense=1) }}",
        "\n{{ unheard | tojson }}",
        "\n{{ 1 / 0 }}",
        "\n{{ '%d' | format('x') }}",
    ] {
        let error = fails_with(template, &user);
        assert!(matches!(error, Error::TemplateFailed { line: 2, .. }), "{template}: {error:?}");
        assert!(error.to_string().contains("tokenizer_config.json:2"), "{error}");
    }
}

#[test]
fn what_a_folder_lacks_is_named_when_it_is_needed() {
    let folder = Folder::new(&folders::byte_level(), &json!({}));
    let chat = folder.chat();
    let error = chat.encode_prompt(&Prompt::Messages(vec![]), None).unwrap_err();
    assert!(matches!(error, Error::NoTemplate { .. }), "{error}");

    let config = json!({"chat_template": "{% for m in messages %}{{ m.content }}{% endfor %}"});
    let chat = Folder::new(&folders::byte_level(), &config).chat();
    let trace = thinksafe_core::trace::Trace { thinking: None, answer: "a".to_owned() };
    let error = chat.encode_example(&[Message::user("q")], &trace).unwrap_err();
    assert!(matches!(error, Error::NoEndOfTurn { .. }), "{error}");
}

#[test]
fn a_template_sees_no_clock_but_the_callers() {
    let source =
        "{% if strftime_now is defined %}{{ strftime_now('%Y') }}{% else %}none{% endif %}";
    let template = ChatTemplate::new(source, "t").unwrap();
    assert_eq!(template.render(&json!({}), None).unwrap(), "none");
    let now = thinksafe_chat::DateTime::parse("1999-01-02T03:04:05");
    assert_eq!(template.render(&json!({}), now).unwrap(), "1999");
}

/// File, what is in it, and what the error must name.
const BROKEN: [(&str, &str, &[&str]); 20] = [
    ("tokenizer.json", "", &["tokenizer.json", "not a valid tokenizer"]),
    (
        "tokenizer.json",
        "{\"version\": \"1.0\", \"model\": {\"type\": \"BPE\"",
        &["tokenizer.json", "not a valid tokenizer"],
    ),
    ("tokenizer.json", "{\"model\": {\"type\": \"Unheard\"}}", &["tokenizer.json"]),
    ("tokenizer_config.json", "{\n\"bos_token\": }", &["tokenizer_config.json:2", "JSON"]),
    ("tokenizer_config.json", "[]", &["tokenizer_config.json", "an object"]),
    (
        "tokenizer_config.json",
        r#"{"bos_token": 7}"#,
        &["tokenizer_config.json", "`bos_token`", "7"],
    ),
    ("tokenizer_config.json", r#"{"pad_token": {"contents": "x"}}"#, &["`pad_token`", "content"]),
    (
        "tokenizer_config.json",
        r#"{"eos_token": "<|nowhere|>"}"#,
        &["tokenizer_config.json", "`eos_token`", "<|nowhere|>", "vocabulary"],
    ),
    ("tokenizer_config.json", r#"{"add_bos_token": "yes"}"#, &["`add_bos_token`", "true or false"]),
    (
        "tokenizer_config.json",
        r#"{"chat_template": 3}"#,
        &["tokenizer_config.json", "`chat_template`"],
    ),
    (
        "tokenizer_config.json",
        r#"{"chat_template": [{"name": "rag", "template": "x"}, {"name": "tool_use", "template": "y"}]}"#,
        &["`chat_template`", "default"],
    ),
    ("tokenizer_config.json", r#"{"chat_template": [{"name": "default"}]}"#, &["`chat_template`"]),
    (
        "tokenizer_config.json",
        r#"{"chat_template": "line\n{% if %}"}"#,
        &["tokenizer_config.json:2", "template is not valid"],
    ),
    ("chat_template.jinja", "{{ messages ", &["chat_template.jinja:1", "template is not valid"]),
    ("chat_template.jinja", "{% nonsense %}", &["chat_template.jinja:1", "nonsense"]),
    ("special_tokens_map.json", "{", &["special_tokens_map.json:1"]),
    (
        "special_tokens_map.json",
        r#"{"unk_token": ["x"]}"#,
        &["special_tokens_map.json", "`unk_token`"],
    ),
    (
        "generation_config.json",
        r#"{"eos_token_id": "2"}"#,
        &["generation_config.json", "`eos_token_id`"],
    ),
    (
        "generation_config.json",
        r#"{"eos_token_id": [1, -2]}"#,
        &["generation_config.json", "`eos_token_id`", "-2"],
    ),
    (
        "config.json",
        r#"{"eos_token_id": 4294967296}"#,
        &["config.json", "`eos_token_id`", "4294967296"],
    ),
];
