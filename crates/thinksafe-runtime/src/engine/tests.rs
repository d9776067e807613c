//! The engine over a small random model: what a request gets must depend on the request alone.

mod adapters;
mod counters;
mod torch;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::json;
use thinksafe_chat::Chat;
use thinksafe_core::generate::{
    Completion, Finish, Generate, Generated, Logprobs, Request, RequestError,
};
use thinksafe_core::likelihood::{GivenTurn, TurnScorer};
use thinksafe_core::message::{Message, Prompt};
use thinksafe_core::sampling::Sampling;
use thinksafe_core::seed::SampleSeed;
use thinksafe_core::trace::Trace;

use crate::fixture::{SHAPES, model};
use crate::{EngineOptions, LocalGenerator, LoraConfig, LoraSwitch, Precision};

/// A tokenizer of the words w4 to w100, whose template puts marks around messages.
fn chat(dir: &Path) -> Chat {
    let mut vocab: BTreeMap<String, u32> = (4..101).map(|i| (format!("w{i}"), i)).collect();
    let added = ["<end>", "<user>", "<model>", "<unk>"];
    vocab.extend(added.iter().enumerate().map(|(i, t)| ((*t).to_owned(), i as u32)));
    let added: Vec<_> = (0..)
        .zip(added)
        .map(|(id, content): (u32, _)| {
            json!({"id": id, "content": content, "single_word": false, "lstrip": false,
                "rstrip": false, "normalized": false, "special": true})
        })
        .collect();
    let tokenizer = json!({"version": "1.0", "added_tokens": added, "normalizer": null,
        "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": null, "decoder": null,
        "model": {"type": "WordLevel", "vocab": vocab, "unk_token": "<unk>"}});
    let template = "{% for m in messages %}<user>{{ m.content }}{% endfor %}<model>";
    let config = json!({"eos_token": "<end>", "unk_token": "<unk>", "chat_template": template});
    std::fs::write(dir.join("tokenizer.json"), tokenizer.to_string()).unwrap();
    std::fs::write(dir.join("tokenizer_config.json"), config.to_string()).unwrap();
    Chat::load(dir).unwrap()
}

fn engine(options: EngineOptions) -> LocalGenerator {
    let dir = tempfile::tempdir().unwrap();
    LocalGenerator::new(model(SHAPES[0], Precision::F32), chat(dir.path()), options).unwrap()
}

fn small() -> EngineOptions {
    EngineOptions { max_batch: 3, step_tokens: 20, threads: 1, ..EngineOptions::default() }
}

fn request(id: u64) -> Request {
    let words = |n: u64| (0..n).map(|i| format!("w{}", 4 + (i * i + id % 3) % 97));
    let text: Vec<String> = words(1 + id * 5 % 60).collect();
    let sampling = Sampling {
        temperature: 0.9,
        max_new_tokens: 1 + (id * 7 % 40) as u32,
        ..Sampling::default()
    };
    let prompt = Prompt::Messages(vec![Message::user(text.join(" "))]);
    Request::new(id, prompt, sampling, SampleSeed(1000 + id))
}

fn serve(engine: &mut LocalGenerator, requests: Vec<Request>) -> Vec<Completion> {
    let mut completions = Vec::new();
    engine
        .generate(&mut requests.into_iter(), &mut |completion| {
            // What it took depends on the batch; tests of the counters look at it.
            completions.push(Completion::new(completion.id, completion.outcome));
            Ok(())
        })
        .unwrap();
    completions.sort_by_key(|c| c.id);
    completions
}

fn one(engine: &mut LocalGenerator, request: Request) -> Result<Generated, RequestError> {
    serve(engine, vec![request]).pop().unwrap().outcome
}

#[test]
fn a_sample_is_the_same_in_every_batch_order_and_memory() {
    let requests = || (0..30).map(request).collect::<Vec<_>>();
    let alone: Vec<Completion> =
        requests().into_iter().flat_map(|r| serve(&mut engine(small()), vec![r])).collect();
    assert_eq!(alone.len(), 30);
    let pages = |n: usize| n * 3 * 2 * thinksafe_kernels::block_len(10) * 4;
    for (max_batch, step_tokens, kv_bytes, threads) in
        [(1, 1, 1 << 24, 1), (3, 20, 1 << 24, 2), (64, 512, 1 << 24, 3), (8, 33, pages(9), 1)]
    {
        let options = EngineOptions { max_batch, step_tokens, kv_bytes, threads, ..small() };
        let mut engine = engine(options);
        let mut reversed = requests();
        reversed.reverse();
        assert_eq!(serve(&mut engine, reversed), alone, "{options:?}");
        // A second call finds pages of the first.
        assert_eq!(serve(&mut engine, requests()), alone, "{options:?}, again");
    }
}

#[test]
fn the_limit_a_stop_text_and_the_end_of_the_turn_end_a_text() {
    let mut engine = engine(small());
    let base = one(&mut engine, Request { sampling: Sampling::greedy(12), ..request(4) }).unwrap();
    assert_eq!((base.finish.clone(), base.ids.len()), (Finish::Length, 12));
    let words: Vec<&str> = base.text.split(' ').collect();
    let stop = format!("{} {}", words[4], words[5]);
    let sampling = Sampling { stop: vec![stop.clone()], ..Sampling::greedy(12) };
    let cut = one(&mut engine, Request { sampling, ..request(4) }).unwrap();
    assert_eq!(cut.finish, Finish::StopText(stop.clone()));
    assert_eq!(cut.text, base.text[..base.text.find(&stop).unwrap()]);
    let ended = (0..40).map(request).find_map(|r| {
        let sampling = Sampling { temperature: 3.0, top_p: 1.0, max_new_tokens: 100, ..r.sampling };
        let generated = one(&mut engine, Request { sampling, ..r }).unwrap();
        (generated.finish == Finish::EndOfTurn(0)).then_some(generated)
    });
    let ended = ended.expect("one of 40 hot samples ends its turn");
    assert_eq!(ended.ids.last(), Some(&0));
    assert!(!ended.text.contains("<end>"));
}

#[test]
fn a_prefill_is_continued_and_part_of_the_turn() {
    let mut engine = engine(small());
    let greedy = |prefill: Option<&str>, n| {
        let prefill = prefill.map(str::to_owned);
        Request { prefill, sampling: Sampling::greedy(n), ..request(7) }
    };
    let whole = one(&mut engine, greedy(None, 8)).unwrap();
    let (first, rest) = whole.text.split_at(whole.text.find(' ').unwrap());
    let continued = one(&mut engine, greedy(Some(first), 7)).unwrap();
    assert_eq!(continued.opening, first);
    assert_eq!(continued.text.trim(), rest.trim());
    assert_eq!(continued.prompt_tokens, whole.prompt_tokens + 1);
}

#[test]
fn log_probabilities_are_the_models_own() {
    let mut engine = engine(small());
    let logprobs = Some(Logprobs { top: 101, of: vec!["w9".to_owned(), "w5".to_owned()] });
    let generated = one(&mut engine, Request { logprobs, ..request(9) }).unwrap();
    let positions = generated.logprobs.unwrap();
    assert_eq!(positions.len(), generated.ids.len());
    for (position, id) in positions.iter().zip(generated.ids) {
        let sum: f64 = position.top.iter().map(|(_, _, logprob)| logprob.exp()).sum();
        assert!((sum - 1.0).abs() < 1e-6, "{sum}");
        let of = |id: u32| position.top.iter().find(|(i, ..)| *i == id).unwrap().2;
        assert_eq!((position.chosen, position.of[0], position.of[1]), (of(id), of(9), of(5)));
        assert!(position.top.windows(2).all(|pair| pair[0].2 >= pair[1].2));
    }
}

#[test]
fn a_request_that_cannot_be_served_is_answered_and_disturbs_no_other() {
    let mut engine = engine(small());
    let long = Prompt::Ids(vec![5; 200]);
    let hot = Sampling { temperature: -1.0, ..Sampling::default() };
    let unknown = Some(Logprobs { top: 0, of: vec!["w5 w6".to_owned()] });
    let completions = serve(
        &mut engine,
        vec![
            Request { prompt: long, ..request(0) },
            Request { sampling: hot, ..request(1) },
            Request { prompt: Prompt::Ids(Vec::new()), ..request(2) },
            Request { logprobs: unknown, ..request(3) },
            request(4),
        ],
    );
    let outcomes: Vec<_> = completions.into_iter().map(|c| c.outcome).collect();
    assert_eq!(outcomes[0], Err(RequestError::PromptTooLong { tokens: 200, limit: 128 }));
    for (outcome, fact) in outcomes[1..].iter().zip(["`temperature`", "empty", "`w5 w6`"]) {
        let error = outcome.as_ref().unwrap_err().to_string();
        assert!(error.contains(fact), "{error}");
    }
    assert!(outcomes[4].is_ok());
}

#[test]
fn a_context_that_is_full_ends_the_text() {
    let sampling = Sampling { max_new_tokens: 1000, stop: Vec::new(), ..Sampling::greedy(1000) };
    let prompt = Prompt::Ids(vec![5; 120]);
    let request = Request { prompt, sampling, ..request(0) };
    let generated = one(&mut engine(small()), request).unwrap();
    assert_eq!((generated.ids.len(), generated.finish), (8, Finish::Length));
}

#[test]
fn an_error_of_the_sink_ends_the_call_and_leaves_the_engine_usable() {
    let mut engine = engine(small());
    let mut requests = (0..10).map(request);
    let failed = engine.generate(&mut requests, &mut |completion| {
        let found = completion.id.to_string();
        Err(thinksafe_core::Error::UnknownLabel { found })
    });
    assert!(failed.is_err());
    assert!(requests.next().is_some(), "not all requests were pulled");
    assert_eq!(
        serve(&mut engine, vec![request(3)]),
        serve(&mut self::engine(small()), vec![request(3)])
    );
}

#[test]
fn changing_the_model_changes_identity_and_samples() {
    let mut engine = engine(small());
    let before = (engine.identity().hash(), one(&mut engine, request(8)).unwrap());
    let model = engine.model_mut();
    model.attach_lora(LoraConfig::default(), thinksafe_core::seed::Seed(1)).unwrap();
    crate::fixture::stir_adapter(model);
    let after = (engine.identity().hash(), one(&mut engine, request(8)).unwrap());
    assert_ne!(before.0, after.0);
    assert_ne!(before.1, after.1);
    engine.model_mut().set_lora(LoraSwitch::Off);
    assert_eq!((engine.identity().hash(), one(&mut engine, request(8)).unwrap()), before);
}

#[test]
fn options_out_of_range_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    for (options, name) in [
        (EngineOptions { max_batch: 0, ..small() }, "`max_batch`"),
        (EngineOptions { step_tokens: 0, ..small() }, "`step_tokens`"),
    ] {
        let model = model(SHAPES[0], Precision::F32);
        let error = LocalGenerator::new(model, chat(dir.path()), options).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn scores_are_those_of_the_whole_forward_pass_however_the_texts_share_steps() {
    let word = |i: u32| 4 + i * i % 97;
    let texts: Vec<Vec<u32>> =
        [0, 1, 2, 17, 60, 33, 100].map(|n: u32| (0..n).map(|i| word(i + n)).collect()).into();
    let mut whole = engine(small());
    let expected = whole.model().log_probabilities(&texts).unwrap();
    let scored = whole.score(&texts).unwrap();
    for (ours, theirs) in scored.iter().zip(&expected) {
        assert_eq!(ours.len(), theirs.len());
        assert!(ours.iter().zip(theirs).all(|(a, b)| (a - b).abs() < 1e-4), "{ours:?} {theirs:?}");
    }
    for (step_tokens, threads) in [(1, 1), (13, 2), (512, 3)] {
        let mut other = engine(EngineOptions { step_tokens, threads, ..small() });
        assert_eq!(other.score(&texts).unwrap(), scored);
        let held = other.backend.as_ref().unwrap().pages.occupancy().0;
        assert_eq!(held, 0, "pages are given back");
    }
}

#[test]
fn texts_that_cannot_be_scored_are_refused() {
    let mut tight = engine(EngineOptions { kv_bytes: 1, ..small() });
    for text in [vec![5, 101, 6], vec![5; 129], vec![5; 40]] {
        let error = tight.score(&[vec![7, 8, 9], text]).unwrap_err();
        assert!(matches!(error, crate::Error::Option { .. }), "{error}");
    }
    assert_eq!(tight.score(&[vec![7, 8, 9]]).unwrap()[0].len(), 2);
}

#[test]
fn turns_are_scored_after_their_conversation_and_too_long_ones_are_named() {
    let mut engine = engine(small());
    let given = |(id, words): (u64, usize)| GivenTurn {
        id,
        messages: vec![Message::user("w9 w8 w30")],
        trace: Trace { thinking: None, answer: vec!["w5"; words].join(" ") },
    };
    let turns: Vec<GivenTurn> = [(0, 3), (1, 200), (2, 40)].map(given).into();
    let mut scored = BTreeMap::new();
    engine
        .score_turns(&mut turns.iter().cloned(), &mut |turn| {
            assert!(scored.insert(turn.id, turn.outcome).is_none());
            Ok(())
        })
        .unwrap();
    let too_long = RequestError::TurnTooLong { tokens: 206, limit: 128 };
    assert_eq!(scored[&1], Err(too_long));
    for (turn, words) in [(&turns[0], 3), (&turns[2], 40)] {
        let encoded = engine.chat().encode_example(&turn.messages, &turn.trace).unwrap();
        let prompt = encoded.prompt_len();
        let whole = engine.score(&[encoded.ids]).unwrap().remove(0);
        let found = scored[&turn.id].as_ref().unwrap();
        assert_eq!((found.thinking.tokens, found.answer.tokens), (0, words + 1));
        let sum: f64 = whole[prompt - 1..].iter().sum();
        assert!((found.turn().log_prob - sum).abs() < 1e-12, "{found:?} {sum}");
    }
}
