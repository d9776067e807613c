//! Samples with and without steering.

use serde::{Deserialize, Serialize};
use thinksafe_core::hash::ContentHash;
use thinksafe_core::likelihood::Likelihood;

use crate::score::Unscored;

/// What was drawn for one prompt.
#[derive(Debug, Clone, PartialEq, Default)]
#[expect(clippy::exhaustive_structs, reason = "plain data that callers fill in")]
pub struct PromptSamples {
    /// The prompt's id.
    pub prompt: String,
    /// Samples of the prompt as it is.
    pub unsteered: Vec<Sample>,
    /// Samples of the prompt with its steering.
    pub steered: Vec<Sample>,
}

/// One sample.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "plain data that callers fill in")]
pub struct Sample {
    /// What became of it.
    pub outcome: Outcome,
    /// How likely it is with and without steering; absent where that was not asked, or could not be told.
    pub likelihood: Option<SampleLikelihood>,
}

/// Whether a filter accepts a sample: the paper's φ(x, y), with its reasons for 0 apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "rates decide on each value")]
pub enum Outcome {
    /// It would be trained on.
    Accepted,
    /// The guard found a violation.
    Unsafe,
    /// The guard used its middle value.
    Controversial,
    /// There is nothing to judge, or no usable verdict. It is not accepted.
    Unscored(Unscored),
}

/// How likely one turn is under the model, with and without steering around the prompt.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "plain data that callers fill in")]
pub struct SampleLikelihood {
    /// Which turn it is: equal turns have equal hashes.
    pub turn: ContentHash,
    /// p(y|x): of the turn's tokens after the prompt as it is.
    pub unsteered: Likelihood,
    /// p(y|I,x): of the same tokens after the steered prompt.
    pub steered: Likelihood,
}

impl Sample {
    /// A sample whose likelihood was not asked.
    pub fn of(outcome: Outcome) -> Self {
        Self { outcome, likelihood: None }
    }

    /// Its likelihood, if it is accepted and has one.
    pub(super) fn accepted(&self) -> Option<&SampleLikelihood> {
        self.likelihood.as_ref().filter(|_| self.outcome == Outcome::Accepted)
    }
}

impl SampleLikelihood {
    /// ln p(y|I,x) − ln p(y|x), in nats.
    pub fn log_ratio(&self) -> f64 {
        self.steered.log_prob - self.unsteered.log_prob
    }
}

impl PromptSamples {
    /// A quantity of the accepted samples: unsteered, steered.
    pub(super) fn accepted(&self, of: impl Fn(&SampleLikelihood) -> f64) -> [Vec<f64>; 2] {
        [&self.unsteered, &self.steered]
            .map(|samples| samples.iter().filter_map(|sample| sample.accepted().map(&of)).collect())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An accepted sample with this ln p(y|x) and this log-ratio.
    pub(crate) fn sample(log_prob: f64, log_ratio: f64) -> Sample {
        let likelihood = |log_prob| Likelihood { tokens: 10, log_prob };
        let likelihood = SampleLikelihood {
            turn: ContentHash::of("test", &log_prob),
            unsteered: likelihood(log_prob),
            steered: likelihood(log_prob + log_ratio),
        };
        Sample { outcome: Outcome::Accepted, likelihood: Some(likelihood) }
    }

    pub(crate) fn prompt(id: &str, unsteered: &[Sample], steered: &[Sample]) -> PromptSamples {
        let (unsteered, steered) = (unsteered.to_vec(), steered.to_vec());
        PromptSamples { prompt: id.to_owned(), unsteered, steered }
    }

    #[test]
    fn only_accepted_samples_are_compared() {
        let mut rejected = sample(-3.0, 1.0);
        rejected.outcome = Outcome::Unsafe;
        let samples = [sample(-2.0, 0.5), rejected, Sample::of(Outcome::Accepted)];
        let [unsteered, steered] =
            prompt("a", &samples, &samples[1..]).accepted(SampleLikelihood::log_ratio);
        assert_eq!((unsteered, steered), (vec![0.5], vec![]));
    }
}
