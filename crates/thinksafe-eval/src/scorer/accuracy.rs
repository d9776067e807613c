//! Right answers, by a grader.

use thinksafe_core::progress::OnProgress;

use super::score;
use crate::Error;
use crate::answer::{Grade, Grader};
use crate::benchmark::Benchmark;
use crate::sample::Response;
use crate::score::{Aspect, Metric, Score, Scorer, Unscored, Value};

/// The share of responses whose answer a grader finds equal to the reference.
///
/// Only what follows the thinking is graded. A finished response without a recognisable answer is wrong; one that the
/// grader could not compare with the reference is [`Unscored::Undetermined`].
#[derive(Debug, Clone)]
pub struct AnswerAccuracy<G> {
    grader: G,
    metric: Metric,
}

impl<G: Grader> AnswerAccuracy<G> {
    /// Scores by `grader`.
    pub fn new(grader: G) -> Self {
        Self { grader, metric: Metric::new("answer accuracy", Aspect::Reasoning) }
    }

    fn score_one(&self, benchmark: &Benchmark, response: &Response) -> Result<Score, Error> {
        let item = &benchmark.items()[response.item];
        let Some(reference) = &item.reference else {
            return Err(Error::MissingReference {
                benchmark: benchmark.name().to_owned(),
                item: item.id.clone(),
                metric: self.metric.name.clone(),
            });
        };
        let trace = match &response.trace {
            Ok(trace) => trace,
            Err(unscored) => {
                return Ok(score(benchmark, response, Value::Unscored(*unscored), None));
            }
        };
        let Grade { correct, answer } = self.grader.grade(&trace.answer, reference);
        let explanation = match &answer {
            None => Some("no answer found".to_owned()),
            Some(_) if correct == Some(true) => None,
            Some(_) if correct.is_none() => Some(format!("not comparable with {reference}")),
            Some(_) => Some(format!("expected {reference}")),
        };
        let value = correct.map_or(Value::Unscored(Unscored::Undetermined), Value::Binary);
        Ok(Score { answer, ..score(benchmark, response, value, explanation) })
    }
}

impl<G: Grader> Scorer for AnswerAccuracy<G> {
    fn metric(&self) -> &Metric {
        &self.metric
    }

    fn score(
        &mut self,
        benchmark: &Benchmark,
        responses: &[Response],
        _on_progress: OnProgress<'_>,
    ) -> Result<Vec<Score>, Error> {
        responses.iter().map(|response| self.score_one(benchmark, response)).collect()
    }
}
