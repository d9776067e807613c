//! What each kind of server is sent, and what it is not sent.

use serde_json::Value;
use thinksafe_core::message::Part;
use thinksafe_core::seed::SampleSeed;

use super::*;
use crate::fixture;

fn here(dialect: Dialect) -> (tempfile::TempDir, Writer) {
    let dir = tempfile::tempdir().unwrap();
    let chat = fixture::chat(dir.path());
    let rendering = Rendering::Here(Box::new(chat));
    (dir, Writer { dialect, model: "m".to_owned(), rendering, most_logprobs: None, in_flight: 1 })
}

fn there(dialect: Dialect) -> Writer {
    let rendering = Rendering::Server { opening: "<think>\n".to_owned() };
    Writer { dialect, model: "m".to_owned(), rendering, most_logprobs: None, in_flight: 8 }
}

fn ask(text: &str) -> Request {
    let prompt = Prompt::Messages(vec![Message::user(text)]);
    Request::new(7, prompt, Sampling::greedy(16), SampleSeed(u64::MAX))
}

fn body(call: &Call) -> Value {
    serde_json::from_slice(&call.body).unwrap()
}

fn lacks(outcome: Result<Call, RequestError>) -> String {
    match outcome {
        Err(RequestError::Unsupported { feature }) => feature,
        other => panic!("expected a refusal by name, found {other:?}"),
    }
}

const ALL: [Dialect; 5] =
    [Dialect::LlamaCpp, Dialect::OpenAi, Dialect::Sglang, Dialect::Transformers, Dialect::Vllm];

#[test]
fn prompts_tokenized_here_go_as_ids_or_as_a_text_that_reads_as_them() {
    for dialect in ALL {
        let (_dir, writer) = here(dialect);
        let call = writer.call(&ask("Hello"), None).unwrap();
        assert_eq!(call.path, "completions");
        // <s> <u> Hello </s> <a>
        assert_eq!(call.expected.prompt_tokens, Some(5), "{dialect}");
        let prompt = body(&call)["prompt"].clone();
        match dialect {
            Dialect::Transformers => assert_eq!(prompt, json!("<u>Hello</s><a>")),
            _ => assert_eq!(prompt, json!([1, 3, 5, 2, 4])),
        }
    }
}

#[test]
fn text_that_spells_special_tokens_is_sent_as_plain_ids_or_refused() {
    for dialect in ALL {
        let (_dir, writer) = here(dialect);
        for prompt in [
            Prompt::Messages(vec![Message::user("Hello</s><a>Hello")]),
            Prompt::Parts(vec![Part::Template("<u>".to_owned()), Part::Text("</s>".to_owned())]),
        ] {
            let outcome = writer.call(&Request { prompt, ..ask("") }, None);
            if dialect == Dialect::Transformers {
                assert!(lacks(outcome).contains("other tokens"), "{dialect}");
                continue;
            }
            let ids: Vec<u32> =
                serde_json::from_value(body(&outcome.unwrap())["prompt"].clone()).unwrap();
            assert!(ids.iter().filter(|id| **id == 2).count() <= 1, "{ids:?}");
        }
    }
}

#[test]
fn prompts_that_the_server_would_have_to_assemble_are_refused() {
    for dialect in ALL {
        for prompt in [Prompt::Ids(vec![1]), Prompt::Parts(vec![Part::Text("Hello".to_owned())])] {
            let outcome = there(dialect).call(&Request { prompt, ..ask("") }, None);
            assert!(lacks(outcome).contains(dialect.as_str()));
        }
    }
}

#[test]
fn prefill_goes_where_the_server_has_it() {
    let prefilled = Request { prefill: Some("Sure".to_owned()), ..ask("Hello") };
    for dialect in ALL {
        let outcome = there(dialect).call(&prefilled, None);
        match dialect {
            Dialect::OpenAi | Dialect::Transformers => {
                assert!(lacks(outcome).contains("prefill"));
                continue;
            }
            _ => {}
        }
        let call = outcome.unwrap();
        let body = body(&call);
        assert_eq!(body["messages"][1], json!({"role": "assistant", "content": "Sure"}));
        let opening = if dialect == Dialect::Sglang { "<think>\nSure" } else { "Sure" };
        assert_eq!(call.expected.opening, opening, "{dialect}");
        let continues = dialect != Dialect::LlamaCpp;
        assert_eq!(body.get("continue_final_message").is_some(), continues, "{dialect}");
        let (_dir, writer) = here(dialect);
        assert_eq!(writer.call(&prefilled, None).unwrap().expected.opening, "Sure");
    }
}

#[test]
fn every_sampling_setting_is_sent_or_refused_by_name() {
    let settings: [(&str, Sampling); 5] = [
        ("top_k", Sampling { top_k: 20, ..Sampling::default() }),
        ("min_p", Sampling { min_p: 0.1, ..Sampling::default() }),
        ("repetition_penalty", Sampling { repetition_penalty: 1.1, ..Sampling::default() }),
        ("presence_penalty", Sampling { presence_penalty: 1.5, ..Sampling::default() }),
        ("stop", Sampling { stop: vec!["END".to_owned()], ..Sampling::default() }),
    ];
    let lacking: &[(Dialect, &str)] = &[
        (Dialect::LlamaCpp, "presence_penalty"),
        (Dialect::LlamaCpp, "stop"),
        (Dialect::OpenAi, "top_k"),
        (Dialect::OpenAi, "min_p"),
        (Dialect::OpenAi, "repetition_penalty"),
        (Dialect::OpenAi, "stop"),
        (Dialect::Transformers, "presence_penalty"),
    ];
    for dialect in ALL {
        let (_dir, writer) = here(dialect);
        for (name, sampling) in &settings {
            let outcome =
                writer.call(&Request { sampling: sampling.clone(), ..ask("Hello") }, None);
            if lacking.contains(&(dialect, *name)) {
                assert!(lacks(outcome).starts_with(*name), "{dialect} {name}");
                continue;
            }
            let neutral =
                writer.call(&Request { sampling: Sampling::default(), ..ask("Hello") }, None);
            assert_ne!(outcome.unwrap().body, neutral.unwrap().body, "{dialect} ignores {name}");
        }
    }
}

#[test]
fn seeds_fit_their_field_and_do_not_disturb_each_other() {
    let drawn = Request { sampling: Sampling::default(), ..ask("Hello") };
    for dialect in ALL {
        let (_dir, mut writer) = here(dialect);
        let seed = body(&writer.call(&drawn, None).unwrap())["seed"].as_u64().unwrap();
        let most =
            if dialect == Dialect::LlamaCpp { u64::from(u32::MAX >> 1) } else { u64::MAX >> 1 };
        assert_eq!(seed, most, "{dialect}");
        writer.in_flight = 2;
        let outcome = writer.call(&drawn, None);
        assert_eq!(outcome.is_err(), dialect == Dialect::Transformers, "{dialect}");
    }
}

#[test]
fn logprobs_that_a_server_does_not_have_are_refused() {
    let of = |of: &[&str], top| {
        Some(Logprobs { top, of: of.iter().map(|&name| name.to_owned()).collect() })
    };
    let guard = Request { logprobs: of(&["safe", "unsafe"], 0), ..ask("Hello") };
    for dialect in ALL {
        let (_dir, writer) = here(dialect);
        let outcome = writer.call(&guard, None);
        if dialect == Dialect::Transformers {
            assert!(lacks(outcome).contains("log-probabilities"));
            continue;
        }
        let most = if dialect == Dialect::OpenAi { 5 } else { 20 };
        assert_eq!(body(&outcome.unwrap())["logprobs"], json!(most), "{dialect}");
        let top = writer.call(&Request { logprobs: of(&[], 3), ..ask("Hello") }, None);
        assert_eq!(top.is_ok(), matches!(dialect, Dialect::LlamaCpp | Dialect::Vllm), "{dialect}");
        let unknown =
            writer.call(&Request { logprobs: of(&["two words"], 0), ..ask("Hello") }, None);
        assert!(matches!(unknown, Err(RequestError::Invalid { .. })), "{dialect}");
        let warm = Request {
            sampling: Sampling { temperature: 0.6, ..Sampling::default() },
            ..guard.clone()
        };
        let own = matches!(dialect, Dialect::LlamaCpp | Dialect::Vllm);
        assert_eq!(writer.call(&warm, None).is_ok(), own, "{dialect}");
    }
}

#[test]
fn an_allowance_beyond_the_context_is_shortened_and_a_prompt_beyond_it_refused() {
    let (_dir, writer) = here(Dialect::Vllm);
    let room = |context| {
        writer.call(&ask("Hello"), Some(context)).map(|call| body(&call)["max_tokens"].clone())
    };
    assert_eq!(room(100).unwrap(), json!(16));
    assert_eq!(room(8).unwrap(), json!(3));
    assert_eq!(room(5).unwrap_err(), RequestError::PromptTooLong { tokens: 5, limit: 5 });
}

#[test]
fn adapters_by_name_are_refused() {
    let adapter = AdapterChoice::Named("x".to_owned());
    assert!(
        lacks(there(Dialect::Vllm).call(&Request { adapter, ..ask("Hello") }, None))
            .contains("adapters")
    );
}
