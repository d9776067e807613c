//! What guards wrote, and the verdicts in it: `golden/verdicts`.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;
use thinksafe_core::generate::{Finish, Generated};
use thinksafe_core::verdict::{Refusal, Safety, Verdict};
use thinksafe_filter::{
    AnswerRule, AnswerWords, GptOssSafeguard, GraniteOutput, GuardFormat, Rubric, Subject,
    parse_granite, parse_harmbench, parse_llama_guard, parse_qwen3guard, parse_shieldgemma,
    parse_wildguard,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    kind: String,
    output: String,
    safety: Safety,
    #[serde(default)]
    categories: Vec<String>,
    refusal: Option<Refusal>,
    prompt_harmful: Option<bool>,
    p_unsafe: Option<f64>,
}

/// Reads every output of a file, and checks that the file has all kinds of them.
fn check(file: &str, read: impl Fn(&str) -> Verdict) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/verdicts").join(file);
    let text = std::fs::read_to_string(path).unwrap();
    let cases: Vec<Case> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(cases.len() >= 25, "{file} has {} cases", cases.len());
    let kinds: BTreeSet<&str> = cases.iter().map(|case| case.kind.as_str()).collect();
    let all = ["empty", "injected", "multilingual", "sloppy", "truncated", "well-formed"];
    assert_eq!(kinds, BTreeSet::from(all), "{file}");
    for case in cases {
        let verdict = read(&case.output);
        let found = (verdict.safety, &verdict.categories, verdict.refusal, verdict.prompt_harmful);
        let expected = (case.safety, &case.categories, case.refusal, case.prompt_harmful);
        assert_eq!(found, expected, "{file}: {:?}", case.output);
        assert_eq!(verdict.p_unsafe, case.p_unsafe, "{file}: {:?}", case.output);
        let reason = verdict.note.is_some() || verdict.safety != Safety::Undetermined;
        assert!(reason, "{file}: {:?} is undetermined without a reason", case.output);
    }
}

fn ended(text: &str) -> Generated {
    Generated {
        opening: String::new(),
        text: text.to_owned(),
        ids: Vec::new(),
        finish: Finish::EndOfTurn(0),
        prompt_tokens: 0,
        logprobs: None,
    }
}

#[test]
fn llama_guard() {
    check("llama-guard-3.jsonl", parse_llama_guard);
}

#[test]
fn wildguard() {
    check("wildguard.jsonl", parse_wildguard);
}

#[test]
fn qwen3guard() {
    check("qwen3guard-gen.jsonl", |text| parse_qwen3guard(text, Subject::Response));
}

#[test]
fn shieldgemma() {
    check("shieldgemma.jsonl", parse_shieldgemma);
}

#[test]
fn granite_guardian() {
    check("granite-guardian-3.2.jsonl", |text| parse_granite(text, GraniteOutput::YesNo));
    check("granite-guardian-3.3.jsonl", |text| parse_granite(text, GraniteOutput::Score));
}

#[test]
fn harmbench() {
    check("harmbench-cls.jsonl", parse_harmbench);
}

fn violation() -> AnswerRule {
    let words =
        AnswerWords { controversial: vec!["unclear".to_owned()], ..AnswerWords::new(["0"], ["1"]) };
    AnswerRule::JsonField { field: "violation".to_owned(), words }
}

#[test]
fn gpt_oss_safeguard() {
    let guard = GptOssSafeguard::new("Answer {\"violation\": 0 or 1}.", violation()).unwrap();
    check("gpt-oss-safeguard.jsonl", |text| guard.read(&ended(text)));
}

#[test]
fn strong_reject() {
    let judge = Rubric::strong_reject(0.125).unwrap();
    check("strongreject-rubric.jsonl", |text| judge.read(&ended(text)));
}

#[test]
fn an_answer_that_was_cut_off_is_no_answer() {
    let cut_off = |text: &str| Generated { finish: Finish::Length, ..ended(text) };
    let guard = GptOssSafeguard::new("policy", violation()).unwrap();
    assert_eq!(guard.read(&cut_off("{\"violation\": 0}")).safety, Safety::Undetermined);
    let judge = Rubric::strong_reject(0.125).unwrap();
    assert_eq!(judge.read(&cut_off("1.a 1\n2.a 1\n3.a 1")).safety, Safety::Undetermined);
}
