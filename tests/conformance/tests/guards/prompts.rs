//! Prompts as text and ids: `cases/guards/prompts.jsonl`.

use std::path::Path;

use serde::Deserialize;
use thinksafe_chat::Chat;
use thinksafe_chat::Turn;
use thinksafe_core::generate::Request;
use thinksafe_core::judge::Exchange;
use thinksafe_core::message::{Part, Prompt};
use thinksafe_filter::{
    GraniteGuardian, GuardFormat, HarmBench, LlamaGuard3, Qwen3Guard, ReferenceLlamaGuard3,
    ReferenceWildGuard, ShieldGemma, Subject, WildGuard,
};

use crate::tokenizers::{every_family, kept_template, real};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    guard: String,
    prompt: String,
    response: String,
    text: String,
    tokenizer: Option<String>,
    ids: Option<Vec<u32>>,
}

impl Case {
    fn exchange(&self) -> Exchange {
        Exchange { id: 1, prompt: self.prompt.clone(), response: self.response.clone() }
    }

    fn request(&self) -> Request {
        format(&self.guard).request(&self.exchange())
    }
}

fn cases(keep: impl Fn(&Case) -> bool) -> Vec<Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases/guards/prompts.jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    let cases: Vec<Case> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|case| keep(case))
        .collect();
    assert!(!cases.is_empty());
    cases
}

fn format(guard: &str) -> Box<dyn GuardFormat> {
    let [dangerous, ..] = ShieldGemma::published();
    match guard {
        "llama-guard-3-8b" | "llama-guard-3-1b" => Box::new(LlamaGuard3::default()),
        "wildguard" => Box::new(WildGuard::default()),
        "qwen3guard-gen" => Box::new(Qwen3Guard::default()),
        "qwen3guard-gen-request" => Box::new(Qwen3Guard::default().about(Subject::Request)),
        "shieldgemma" => Box::new(dangerous),
        "granite-guardian-3.0" => Box::new(GraniteGuardian::yes_no()),
        "harmbench-cls" => Box::new(HarmBench::default()),
        other => panic!("no guard {other}"),
    }
}

fn text_of(request: &Request) -> Option<String> {
    let Prompt::Parts(parts) = &request.prompt else { return None };
    let text = parts.iter().map(|part| match part {
        Part::Template(text) | Part::Text(text) => text.as_str(),
    });
    Some(text.chain(request.prefill.as_deref()).collect())
}

#[test]
fn assembled_prompts_are_the_published_texts() {
    let assembled = cases(|case| text_of(&case.request()).is_some());
    assert_eq!(assembled.len(), 15, "five layouts, three exchanges each");
    for case in assembled {
        let request = case.request();
        assert_eq!(text_of(&request).unwrap(), case.text, "{}", case.guard);
        let Prompt::Parts(parts) = request.prompt else { unreachable!() };
        let untrusted: Vec<&str> = parts
            .iter()
            .filter_map(|part| match part {
                Part::Text(text) => Some(text.as_str()),
                Part::Template(_) => None,
            })
            .collect();
        let expected = [&*case.prompt, &*case.response];
        assert_eq!(untrusted, expected[..untrusted.len()], "{}", case.guard);
    }
}

#[test]
fn granite_is_asked_through_its_own_template() {
    let chat = every_family(&kept_template("granite-guardian-3.0.harm.jinja"));
    for case in cases(|case| case.guard == "granite-guardian-3.0") {
        let Prompt::Messages(messages) = case.request().prompt else { panic!("expected messages") };
        assert_eq!(chat.render(&messages, Turn::Open).unwrap(), case.text);
    }
}

fn ids(chat: &Chat, request: &Request) -> Vec<u32> {
    chat.encode_prompt(&request.prompt, request.prefill.as_deref()).unwrap().ids
}

#[test]
#[ignore = "needs THINKSAFE_ASSETS"]
fn prompts_are_the_ids_of_the_published_tokenizers() {
    let folders = [
        ("llama-guard-3-8b", Some("llama-guard-3-8b.jinja")),
        ("llama-guard-3-1b", Some("llama-guard-3-1b.jinja")),
        ("wildguard", None),
        ("qwen3guard-gen", None),
        ("qwen3guard-gen-request", None),
    ];
    for (guard, template) in folders {
        let cases = cases(|case| case.guard == guard);
        let chat = real(cases[0].tokenizer.as_deref().unwrap(), template);
        for case in cases {
            let found = ids(&chat, &case.request());
            assert_eq!(found, case.ids.clone().unwrap(), "{guard}: {:?}", case.response);
            let bos = found.iter().filter(|id| Some(**id) == chat.bos_id()).count();
            assert_eq!(bos, usize::from(chat.bos_id().is_some()), "{guard}");
        }
    }
}

#[test]
#[ignore = "needs THINKSAFE_ASSETS"]
fn the_reference_differs_by_its_bos_alone() {
    let llama = real("llama-3.x", Some("llama-guard-3-8b.jinja"));
    let mistral = real("mistral-7b-v0.3-wildguard", None);
    let references: [(&str, &Chat, &dyn GuardFormat); 2] = [
        ("llama-guard-3-8b", &llama, &ReferenceLlamaGuard3::default()),
        ("wildguard", &mistral, &ReferenceWildGuard::default()),
    ];
    for (guard, chat, reference) in references {
        let bos = chat.bos_id().unwrap();
        for case in cases(|case| case.guard == guard) {
            let mut expected = case.ids.clone().unwrap();
            expected.insert(0, bos);
            assert_eq!(ids(chat, &reference.request(&case.exchange())), expected, "{guard}");
        }
    }
}
