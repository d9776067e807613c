//! Likelihoods of a dataset's responses, and its perplexity, as `transformers` has them.

use serde::Deserialize;
use thinksafe_chat::Chat;
use thinksafe_core::likelihood::{Likelihood, TurnScorer};
use thinksafe_core::log::RecordLog;
use thinksafe_core::seed::Seed;
use thinksafe_eval::likelihood::{Likelihoods, Perplexity, Text, score_texts};
use thinksafe_filter::Dataset;
use thinksafe_runtime::{EngineOptions, LocalGenerator};
use thinksafe_sft::{Encoding, Objective, TrainingText, encode, evaluate};
use thinksafe_tests::golden;

use crate::support::Case as Model;

/// How far a log-probability of a response, a sum over its tokens, may be from that of `transformers`, for each token.
const TOLERANCE: f64 = 1e-4;

#[derive(Debug, Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Debug, Deserialize)]
struct Case {
    model: String,
    /// Thinking and answer of each row.
    rows: Vec<[Likelihood; 2]>,
    perplexity: f64,
}

#[test]
fn the_perplexity_of_a_dataset_is_that_of_transformers_and_of_the_trainer() {
    let golden: Golden = golden::json(&golden::path("perplexity/expected.json"));
    let dataset = Dataset::read(golden::path("perplexity/dataset.jsonl")).unwrap();
    let texts: Vec<Text> = dataset
        .rows()
        .iter()
        .map(|row| Text::new(&row.instruction, &row.instruction, row.trace()))
        .collect();
    println!(
        "| model | log-probability of a token, largest error | perplexity, relative error | trainer's loss |"
    );
    for case in &golden.cases {
        let chat = Chat::load(golden::path("tokenizer")).unwrap();
        let options = EngineOptions { threads: 2, step_tokens: 50, ..EngineOptions::default() };
        let model = Model::named(&case.model).model();
        let mut engine = LocalGenerator::new(model, chat, options).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let mut log = RecordLog::open(dir.path().join("likelihoods.jsonl")).unwrap();
        score_texts(&mut engine, &texts, &mut log, &mut |_| {}).unwrap();
        let found = Likelihoods::read(log.path(), engine.scorer()).unwrap();
        let error = largest_error(case, &texts, &found);
        let turn = Perplexity::of(&texts, &found, Seed(1)).turn.unwrap();
        let relative = (turn.perplexity.value / case.perplexity - 1.0).abs();
        assert!(relative < TOLERANCE, "{}: {turn:?}", case.model);
        let apart = (trainers_loss(engine, &dataset) - turn.nats.value).abs();
        assert!(apart < TOLERANCE, "{}: the trainer's loss is {apart:e} apart", case.model);
        println!("| {} | {error:.1e} | {relative:.1e} | {apart:.1e} |", case.model);
    }
}

/// The largest error of a part's log-probability, for each of its tokens; fails if tokens differ in number.
fn largest_error(case: &Case, texts: &[Text], found: &Likelihoods) -> f64 {
    assert_eq!(case.rows.len(), texts.len());
    let mut largest = 0.0f64;
    for (text, expected) in texts.iter().zip(&case.rows) {
        let turn = found.likelihood(text).unwrap();
        for (ours, theirs) in [turn.thinking, turn.answer].iter().zip(expected) {
            assert_eq!(ours.tokens, theirs.tokens, "{}", case.model);
            let error = (ours.log_prob - theirs.log_prob).abs() / ours.tokens.max(1) as f64;
            assert!(error < TOLERANCE, "{}: {ours:?}, expected {theirs:?}", case.model);
            largest = largest.max(error);
        }
    }
    largest
}

/// Cross-entropy, mean over the supervised tokens, of the same rows as the trainer encodes and evaluates them.
fn trainers_loss(engine: LocalGenerator, dataset: &Dataset) -> f64 {
    let (mut model, chat) = engine.into_parts();
    let text = |row: &thinksafe_filter::DatasetRow| {
        TrainingText::new(&row.instruction, &row.instruction, row.trace()).labeled(row.prompt_label)
    };
    let texts: Vec<TrainingText> = dataset.rows().iter().map(text).collect();
    let encoded = encode(&texts, &chat, &Encoding::default()).unwrap();
    assert_eq!(encoded.examples.len(), texts.len());
    evaluate(&mut model, &encoded.examples, &Objective::default(), 4).unwrap().loss
}
