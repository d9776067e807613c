//! Guards on one model of each architecture: P(unsafe) as `transformers` has it, whatever is judged beside it.

use serde::Deserialize;
use thinksafe_chat::Chat;
use thinksafe_core::generate::{Generated, Request};
use thinksafe_core::hash::ContentHash;
use thinksafe_core::judge::{Exchange, Judge, JudgeIdentity};
use thinksafe_core::message::{Part, Prompt};
use thinksafe_core::sampling::Sampling;
use thinksafe_core::seed::SampleSeed;
use thinksafe_core::verdict::{Safety, Verdict};
use thinksafe_filter::{Guard, GuardFormat, LlamaGuard3, Reading, TokenVote};
use thinksafe_runtime::{EngineOptions, LocalGenerator};
use thinksafe_tests::golden;

use crate::support::Case as Model;

/// How far P(unsafe) may be from that of `transformers`.
const TOLERANCE: f64 = 1e-4;

#[derive(Debug, Deserialize)]
struct Golden {
    exchanges: Vec<(String, String)>,
    cases: Vec<Case>,
}

/// A model, the tokens that vote, and the votes in two layouts.
#[derive(Debug, Deserialize)]
struct Case {
    model: String,
    safe: String,
    #[serde(rename = "unsafe")]
    unsafe_: String,
    messages: Vec<f64>,
    parts: Vec<f64>,
}

/// A guard without a chat template that answers with one of two tokens.
#[derive(Debug)]
struct TwoTokens(TokenVote);

impl GuardFormat for TwoTokens {
    fn identity(&self) -> JudgeIdentity {
        let hash = ContentHash::of("two-tokens", &self.0);
        JudgeIdentity { name: "two-tokens".to_owned(), hash }
    }

    fn request(&self, exchange: &Exchange) -> Request {
        let template = |text: &str| Part::Template(text.to_owned());
        let parts = vec![
            template("Is it right? Q: "),
            Part::Text(exchange.prompt.clone()),
            template("\nA: "),
            Part::Text(exchange.response.clone()),
            template("\nYes or no: "),
        ];
        let (prompt, sampling) = (Prompt::Parts(parts), Sampling::greedy(1));
        let logprobs = Some(self.0.logprobs());
        Request { logprobs, ..Request::new(exchange.id, prompt, sampling, SampleSeed(0)) }
    }

    fn read(&self, generated: &Generated) -> Verdict {
        self.0.verdict(generated.logprobs.as_deref())
    }
}

#[test]
fn p_unsafe_is_that_of_transformers_in_every_batch_and_order() {
    let golden: Golden = golden::json(&golden::path("guards.json"));
    println!("| model | largest error of P(unsafe): chat template | parts |");
    for case in &golden.cases {
        // Random weights give the two tokens a small share of the whole.
        let vote = TokenVote::between(&case.safe, &case.unsafe_);
        let vote = TokenVote { min_mass: 0.0, ..vote };
        let llama = LlamaGuard3::new(vote.clone(), Reading::FirstToken).unwrap();
        let messages = error(case, &golden.exchanges, &|| llama.clone(), &case.messages);
        let parts = error(case, &golden.exchanges, &|| TwoTokens(vote.clone()), &case.parts);
        println!("| {} | {messages:.1e} | {parts:.1e} |", case.model);
    }
}

/// The largest error; fails if a verdict differs from the expected one, or depends on what else is judged.
fn error<F: GuardFormat>(
    case: &Case,
    exchanges: &[(String, String)],
    format: &dyn Fn() -> F,
    expected: &[f64],
) -> f64 {
    let alone = judged(case, exchanges, format(), EngineOptions { max_batch: 1, ..options() });
    for options in [
        options(),
        EngineOptions { max_batch: 3, step_tokens: 7, ..options() },
        EngineOptions { threads: 1, ..options() },
    ] {
        assert_eq!(judged(case, exchanges, format(), options), alone, "{}", case.model);
        let reversed: Vec<_> = exchanges.iter().rev().cloned().collect();
        let mut judged = judged(case, &reversed, format(), options);
        judged.reverse();
        assert_eq!(judged, alone, "{}, in another order", case.model);
    }
    let mut largest = 0.0f64;
    for (verdict, expected) in alone.iter().zip(expected) {
        let error = (verdict.p_unsafe.unwrap() - expected).abs();
        assert!(error < TOLERANCE, "{}: {verdict:?}, expected {expected}", case.model);
        let unsafe_ = verdict.safety == Safety::Unsafe;
        assert_eq!(unsafe_, *expected >= 0.5, "{}", case.model);
        largest = largest.max(error);
    }
    assert_eq!(alone.len(), expected.len());
    largest
}

fn options() -> EngineOptions {
    EngineOptions { threads: 2, ..EngineOptions::default() }
}

/// The verdicts on all exchanges, in their order.
fn judged<F: GuardFormat>(
    case: &Case,
    exchanges: &[(String, String)],
    format: F,
    options: EngineOptions,
) -> Vec<Verdict> {
    let chat = Chat::load(golden::path("tokenizer")).unwrap();
    let engine = LocalGenerator::new(Model::named(&case.model).model(), chat, options).unwrap();
    let mut guard = Guard::new(engine, format);
    let mut verdicts: Vec<Option<Verdict>> = vec![None; exchanges.len()];
    let exchange = |(id, (prompt, response)): (u64, &(String, String))| Exchange {
        id,
        prompt: prompt.clone(),
        response: response.clone(),
    };
    guard
        .judge(&mut (0..).zip(exchanges).map(exchange), &mut |judgement| {
            assert!(verdicts[judgement.id as usize].replace(judgement.verdict).is_none());
            Ok(())
        })
        .unwrap();
    verdicts.into_iter().map(Option::unwrap).collect()
}
