//! Scorers: harmful responses by a guard, refusals by a judge, answers by a grader.

mod accuracy;
mod harm;
mod refusal;

pub use accuracy::AnswerAccuracy;
pub use harm::{Controversial, HarmfulRate};
pub use refusal::RefusalRate;

use crate::benchmark::Benchmark;
use crate::sample::Response;
use crate::score::{Score, Value};

/// A score of a response, with the reason.
fn score(
    benchmark: &Benchmark,
    response: &Response,
    value: Value,
    explanation: Option<String>,
) -> Score {
    Score {
        item: benchmark.items()[response.item].id.clone(),
        sample: response.record.sample,
        value,
        answer: None,
        explanation,
    }
}
