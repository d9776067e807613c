//! What is read of answers, in the forms in which servers give them.

use serde_json::{Value, json};
use thinksafe_core::generate::Logprobs;

use super::*;
use crate::{Dialect, Rendering, fixture};

fn writer(dialect: Dialect) -> (tempfile::TempDir, Writer) {
    let dir = tempfile::tempdir().unwrap();
    let rendering = Rendering::Here(Box::new(fixture::chat(dir.path())));
    (dir, Writer { dialect, model: "m".to_owned(), rendering, most_logprobs: None, in_flight: 1 })
}

fn expected() -> Expected {
    let stop = vec!["END".to_owned()];
    Expected { opening: "o".to_owned(), prompt_tokens: Some(4), stop, logprobs: None }
}

fn answer(choice: &Value) -> Value {
    json!({"choices": [choice], "usage": {"prompt_tokens": 4, "completion_tokens": 2}})
}

fn read_as(dialect: Dialect, answer: &Value, expected: &Expected) -> Result<Reading, Error> {
    let (_dir, writer) = writer(dialect);
    read(answer.to_string().as_bytes(), expected, &writer, "http://host/v1")
}

fn done(dialect: Dialect, choice: &Value) -> Generated {
    match read_as(dialect, &answer(choice), &expected()) {
        Ok(Reading::Done(Ok(generated))) => generated,
        other => panic!("{other:?}"),
    }
}

#[test]
fn vllm_tells_ids_and_how_it_ended() {
    let base =
        json!({"text": "Hello", "finish_reason": "stop", "stop_reason": null, "token_ids": [5, 2]});
    let ended = done(Dialect::Vllm, &base);
    assert_eq!((ended.text.as_str(), ended.finish), ("Hello", Finish::EndOfTurn(2)));
    assert_eq!((ended.ids, ended.untold_tokens, ended.opening.as_str()), (vec![5, 2], 0, "o"));
    let mut other = base;
    other["stop_reason"] = json!(4);
    assert_eq!(done(Dialect::Vllm, &other).finish, Finish::EndOfTurn(4));
    other["stop_reason"] = json!("END");
    assert_eq!(done(Dialect::Vllm, &other).finish, Finish::StopText("END".to_owned()));
    other["finish_reason"] = json!("length");
    assert_eq!(done(Dialect::Vllm, &other).finish, Finish::Length);
    other["token_ids"] = Value::Null;
    let error = read_as(Dialect::Vllm, &answer(&other), &expected()).unwrap_err();
    assert!(error.to_string().contains("0.10.2"), "{error}");
}

#[test]
fn servers_without_ids_give_a_count() {
    let ended = done(Dialect::Transformers, &json!({"text": "Hello", "finish_reason": "stop"}));
    assert_eq!((ended.ids.len(), ended.untold_tokens, ended.completion_tokens()), (0, 2, 2));
    // The tokenizer has one token that ends turns.
    assert_eq!(ended.finish, Finish::EndOfTurn(2));
    let stopped =
        done(Dialect::Transformers, &json!({"text": "HelloEND", "finish_reason": "stop"}));
    assert_eq!(
        (stopped.text.as_str(), stopped.finish),
        ("Hello", Finish::StopText("END".to_owned()))
    );
    let sglang =
        done(Dialect::Sglang, &json!({"text": "x", "finish_reason": "stop", "matched_stop": 3}));
    assert_eq!(sglang.finish, Finish::EndOfTurn(3));
}

#[test]
fn what_is_no_completion_is_told_apart() {
    let choice = json!({"text": "x", "finish_reason": "stop"});
    let whole = answer(&choice);
    let again = |body: &str| {
        let (_dir, writer) = writer(Dialect::OpenAi);
        matches!(read(body.as_bytes(), &expected(), &writer, "e"), Ok(Reading::Again(_)))
    };
    assert!(again(""));
    assert!(again(&whole.to_string()[..40]));
    assert!(again(r#"{"error": {"message": "overloaded"}}"#));
    assert!(again(&answer(&json!({"text": "x", "finish_reason": "abort"})).to_string()));
    for (broken, missing) in [
        (json!({"usage": {"prompt_tokens": 4}}), "one choice"),
        (json!({"choices": [&choice, &choice], "usage": {"prompt_tokens": 4}}), "one choice"),
        (json!({"choices": [choice]}), "`usage`"),
        (json!({"choices": 3}), "fields"),
    ] {
        let error = read_as(Dialect::OpenAi, &broken, &expected()).unwrap_err();
        assert!(error.to_string().contains(missing), "{error}");
    }
}

#[test]
fn another_count_of_prompt_tokens_is_another_tokenizer() {
    let expected = Expected { prompt_tokens: Some(3), ..expected() };
    let answer = answer(&json!({"text": "x", "finish_reason": "stop"}));
    let error = read_as(Dialect::OpenAi, &answer, &expected).unwrap_err();
    assert!(matches!(error, Error::Tokenizer { expected: 3, found: 4, .. }), "{error}");
}

#[test]
fn thinking_that_was_taken_out_is_an_error() {
    for field in ["reasoning", "reasoning_content"] {
        let message = json!({"content": "x", field: "hm"});
        let answer = answer(&json!({"message": message, "finish_reason": "stop"}));
        let error = read_as(Dialect::OpenAi, &answer, &expected()).unwrap_err();
        assert!(matches!(error, Error::ReasoningSplit { .. }), "{error}");
    }
}

#[test]
fn filtered_content_is_the_requests_own_failure() {
    let answer = answer(&json!({"text": "", "finish_reason": "content_filter"}));
    let reading = read_as(Dialect::OpenAi, &answer, &expected()).unwrap();
    assert!(matches!(reading, Reading::Done(Err(RequestError::Invalid { .. }))), "{reading:?}");
}

#[test]
fn logprobs_are_read_by_id_by_text_and_in_both_forms() {
    let asked = Logprobs { top: 0, of: vec!["safe".to_owned(), "unsafe".to_owned()] };
    let expected = Expected { logprobs: Some(asked), ..expected() };
    let columns = |safe: &str, unsafe_: &str| {
        json!({"token_logprobs": [-0.1, -0.2], "tokens": ["a", "b"],
            "top_logprobs": [{safe: -0.1, unsafe_: -2.5}, {"x": -0.2}]})
    };
    let content = json!({"content": [
        {"token": "safe", "id": 6, "logprob": -0.1, "top_logprobs": [
            {"token": "unsafe", "id": 7, "logprob": -2.5}, {"token": "safe", "id": 6, "logprob": -0.1}]},
        {"token": "x", "id": 9, "logprob": -0.2, "top_logprobs": [{"token": "x", "id": 9, "logprob": -0.2}]}]});
    for (dialect, listed) in [
        (Dialect::Vllm, columns("token_id:6", "token_id:7")),
        (Dialect::Sglang, columns("safe", "unsafe")),
        (Dialect::LlamaCpp, content),
    ] {
        let choice = json!({"text": "safe", "finish_reason": "length", "token_ids": [6, 9], "logprobs": listed});
        let Ok(Reading::Done(Ok(read))) = read_as(dialect, &answer(&choice), &expected) else {
            panic!("{dialect}");
        };
        let positions = read.logprobs.unwrap();
        assert_eq!(positions[0].of, [-0.1, -2.5], "{dialect}");
        assert!(positions[1].of.iter().all(|of| of.is_nan()), "{dialect}");
        assert_eq!(positions[0].chosen, -0.1);
    }
}

#[test]
fn logprobs_that_are_asked_for_and_not_there_are_missed() {
    let asked = Logprobs { top: 1, of: Vec::new() };
    let expected = Expected { logprobs: Some(asked), ..expected() };
    let bare = json!({"text": "safe", "finish_reason": "length", "token_ids": [6]});
    let error = read_as(Dialect::Vllm, &answer(&bare), &expected).unwrap_err();
    assert!(error.to_string().contains("`logprobs`"), "{error}");
    let mut short = bare;
    short["logprobs"] = json!({"token_logprobs": [], "top_logprobs": []});
    let error = read_as(Dialect::Vllm, &answer(&short), &expected).unwrap_err();
    assert!(error.to_string().contains("each token"), "{error}");
}
