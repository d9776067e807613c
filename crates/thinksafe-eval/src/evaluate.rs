//! One benchmark, start to end.

use thinksafe_core::generate::{Generate, Identity};
use thinksafe_core::judge::JudgeIdentity;
use thinksafe_core::progress::OnProgress;
use thinksafe_core::run::RunDir;

use crate::Error;
use crate::benchmark::Benchmark;
use crate::estimate::{Estimate, by_category, estimate};
use crate::sample::{self, Response};
use crate::score::{Metric, Score, Scorer};

/// A benchmark's responses by one generator, and their scores.
#[derive(Debug, Clone)]
pub struct Evaluated {
    /// What was asked.
    pub benchmark: Benchmark,
    /// What answered.
    pub generator: Identity,
    /// The responses, in the benchmark's order.
    pub responses: Vec<Response>,
    /// One entry a scorer.
    pub measured: Vec<Measured>,
}

/// What one scorer says about the responses.
#[derive(Debug, Clone)]
pub struct Measured {
    /// What was measured.
    pub metric: Metric,
    /// The judge whose verdicts it rests on.
    pub judge: Option<JudgeIdentity>,
    /// One score a response, in their order.
    pub scores: Vec<Score>,
    /// The rate over all of them.
    pub estimate: Estimate,
    /// The rate for each category.
    pub categories: std::collections::BTreeMap<String, Estimate>,
}

/// Asks a generator the benchmark's items and scores what it answers.
///
/// Responses go to `eval/<benchmark>.jsonl` of the run directory. A restarted evaluation does what is missing; one
/// with other scorers generates nothing.
///
/// # Errors
/// As [`sample::generate`] and [`score`].
pub fn evaluate(
    dir: &RunDir,
    benchmark: &Benchmark,
    generator: &mut dyn Generate,
    scorers: &mut [&mut dyn Scorer],
    on_progress: OnProgress<'_>,
) -> Result<Evaluated, Error> {
    let log_path = dir.evaluation(benchmark.name());
    let responses = sample::generate(benchmark, generator, &log_path, on_progress)?;
    let identity = generator.identity().clone();
    score(benchmark, identity, responses, scorers, on_progress)
}

/// Scores responses that were generated before (see [`sample::read`]).
///
/// # Errors
/// What a scorer returns; a response without a score is no error.
pub fn score(
    benchmark: &Benchmark,
    generator: Identity,
    responses: Vec<Response>,
    scorers: &mut [&mut dyn Scorer],
    on_progress: OnProgress<'_>,
) -> Result<Evaluated, Error> {
    let mut measured = Vec::with_capacity(scorers.len());
    for scorer in scorers {
        let scores = scorer.score(benchmark, &responses, on_progress)?;
        measured.push(Measured {
            metric: scorer.metric().clone(),
            judge: scorer.judge().cloned(),
            estimate: estimate(benchmark, &scores),
            categories: by_category(benchmark, &scores),
            scores,
        });
    }
    Ok(Evaluated { benchmark: benchmark.clone(), generator, responses, measured })
}
