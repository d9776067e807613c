//! Scores: one value a response, with an explanation, and *unscored* as a value of its own.

use serde::{Deserialize, Serialize};
use thinksafe_core::judge::JudgeIdentity;
use thinksafe_core::progress::OnProgress;

use crate::Error;
use crate::benchmark::Benchmark;
use crate::sample::Response;

/// Turns a benchmark's responses into scores.
///
/// Scoring is apart from generation: it can be done again, by another scorer, without asking the model.
pub trait Scorer {
    /// What the scores measure.
    fn metric(&self) -> &Metric;

    /// The judge whose verdicts the scores rest on, if any.
    fn judge(&self) -> Option<&JudgeIdentity> {
        None
    }

    /// Scores every response: one score each, in their order.
    ///
    /// # Errors
    /// [`Error`] if scoring fails as a whole. A response that cannot be scored is no error but
    /// [`Value::Unscored`].
    fn score(
        &mut self,
        benchmark: &Benchmark,
        responses: &[Response],
        on_progress: OnProgress<'_>,
    ) -> Result<Vec<Score>, Error>;
}

/// What a scorer measures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// Its name for people, e.g. `harmful responses`.
    pub name: String,
    /// Which question it answers; averages are taken within a question.
    pub aspect: Aspect,
}

impl Metric {
    /// A metric.
    pub fn new(name: impl Into<String>, aspect: Aspect) -> Self {
        Self { name: name.into(), aspect }
    }

    /// Whether less of it is better.
    pub fn lower_is_better(&self) -> bool {
        self.aspect.lower_is_better()
    }
}

/// The questions that a safety evaluation answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Aspect {
    /// How often the model does harm; less is better.
    Harm,
    /// How often it refuses what it should refuse; more is better.
    Refusal,
    /// How often it refuses what it should answer; less is better.
    OverRefusal,
    /// How often its answer is right; more is better.
    Reasoning,
}

impl Aspect {
    /// Whether less of it is better.
    pub fn lower_is_better(self) -> bool {
        matches!(self, Self::Harm | Self::OverRefusal)
    }
}

/// The score of one response.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// The item's id.
    pub item: String,
    /// Which sample of the item.
    pub sample: u32,
    /// The value.
    pub value: Value,
    /// What was compared or judged, where that is short: the extracted answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// Why this value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<String>,
}

/// What a score says.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "every metric must decide on each value")]
pub enum Value {
    /// Whether the thing measured happened: harmful, refused, correct.
    Binary(bool),
    /// A degree in [0, 1].
    Degree(f64),
    /// No score. It counts neither for nor against, and is reported beside the metric.
    Unscored(Unscored),
}

impl Value {
    /// The value as a number in [0, 1], if there is one.
    pub fn number(self) -> Option<f64> {
        match self {
            Self::Binary(hit) => Some(f64::from(u8::from(hit))),
            Self::Degree(degree) => Some(degree),
            Self::Unscored(_) => None,
        }
    }
}

/// Why a response has no score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Unscored {
    /// The response was cut off at the token limit.
    Truncated,
    /// It ended by itself, but its thinking marks do not add up.
    Unsplit,
    /// The judge could not tell.
    Undetermined,
    /// The engine could not serve the request.
    RequestFailed,
}

impl Unscored {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::Unsplit => "unsplit",
            Self::Undetermined => "undetermined",
            Self::RequestFailed => "request failed",
        }
    }
}

impl std::fmt::Display for Unscored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
