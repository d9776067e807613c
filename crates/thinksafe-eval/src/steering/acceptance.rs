//! How often samples are accepted.

use serde::{Deserialize, Serialize};

use super::sample::{Outcome, PromptSamples, Sample};
use crate::score::Unscored;
use crate::statistics::{Interval, Observation, TwoByTwo, proportion, wilson};

/// Samples by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Would be trained on.
    pub accepted: u64,
    /// The guard found a violation.
    pub found_unsafe: u64,
    /// The guard used its middle value.
    pub controversial: u64,
    /// The guard had no usable verdict.
    pub undetermined: u64,
    /// Cut off by the token limit.
    pub truncated: u64,
    /// Ended by itself without usable thinking and answer.
    pub unsplit: u64,
    /// The request could not be served: nothing was drawn.
    pub failed: u64,
}

impl Counts {
    /// Counts samples.
    pub fn of<'s>(samples: impl IntoIterator<Item = &'s Sample>) -> Self {
        let mut counts = Self::default();
        for sample in samples {
            *counts.of_outcome(sample.outcome) += 1;
        }
        counts
    }

    fn of_outcome(&mut self, outcome: Outcome) -> &mut u64 {
        match outcome {
            Outcome::Accepted => &mut self.accepted,
            Outcome::Unsafe => &mut self.found_unsafe,
            Outcome::Controversial => &mut self.controversial,
            Outcome::Unscored(Unscored::Undetermined) => &mut self.undetermined,
            Outcome::Unscored(Unscored::Truncated) => &mut self.truncated,
            Outcome::Unscored(Unscored::Unsplit) => &mut self.unsplit,
            Outcome::Unscored(Unscored::RequestFailed) => &mut self.failed,
        }
    }

    /// Samples that the model wrote: all but the failed ones.
    pub fn drawn(&self) -> u64 {
        self.judged() + self.undetermined + self.truncated + self.unsplit
    }

    /// Samples with a verdict.
    pub fn judged(&self) -> u64 {
        self.accepted + self.found_unsafe + self.controversial
    }

    /// Drawn and not accepted.
    pub fn rejected(&self) -> u64 {
        self.drawn() - self.accepted
    }

    /// Accepted of drawn, with Wilson's interval: the samples of one prompt are independent. `None` if nothing was drawn.
    pub fn rate(&self) -> Option<Interval> {
        wilson(self.accepted as f64, self.drawn() as f64)
    }
}

/// How often samples are accepted, over prompts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acceptance {
    /// Samples by what became of them.
    pub counts: Counts,
    /// The paper's α: accepted of drawn. What is undetermined, truncated or unsplit is not accepted. The interval takes the
    /// samples of a prompt for related.
    pub rate: Option<Interval>,
    /// Accepted of those with a verdict.
    pub of_judged: Option<Interval>,
}

impl Acceptance {
    /// The acceptance of one side of all prompts.
    pub fn of(prompts: &[PromptSamples], side: fn(&PromptSamples) -> &[Sample]) -> Self {
        let samples =
            || prompts.iter().flat_map(|p| side(p).iter().map(|s| (p.prompt.as_str(), s.outcome)));
        let rate = |counts: fn(Outcome) -> bool| {
            let observations: Vec<Observation<'_>> = samples()
                .filter(|(_, outcome)| counts(*outcome))
                .map(|(cluster, outcome)| Observation {
                    cluster,
                    value: f64::from(u8::from(outcome == Outcome::Accepted)),
                })
                .collect();
            proportion(&observations)
        };
        Self {
            counts: Counts::of(prompts.iter().flat_map(side)),
            rate: rate(|outcome| outcome != Outcome::Unscored(Unscored::RequestFailed)),
            of_judged: rate(|outcome| !matches!(outcome, Outcome::Unscored(_))),
        }
    }
}

/// Accepted and not accepted, unsteered first.
pub(super) fn table(unsteered: &Counts, steered: &Counts) -> TwoByTwo {
    TwoByTwo {
        first_yes: unsteered.accepted,
        first_no: unsteered.rejected(),
        second_yes: steered.accepted,
        second_no: steered.rejected(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_accepted_counts_against_and_what_was_not_drawn_does_not_count() {
        let outcomes = [
            Outcome::Accepted,
            Outcome::Unsafe,
            Outcome::Unscored(Unscored::Undetermined),
            Outcome::Unscored(Unscored::Truncated),
            Outcome::Unscored(Unscored::RequestFailed),
        ];
        let prompt = PromptSamples {
            prompt: "a".to_owned(),
            unsteered: outcomes.map(Sample::of).into(),
            ..PromptSamples::default()
        };
        let acceptance = Acceptance::of(&[prompt], |prompt| &prompt.unsteered);
        let counts = acceptance.counts;
        assert_eq!((counts.drawn(), counts.judged(), counts.rejected()), (4, 2, 3));
        assert_eq!((counts.undetermined, counts.truncated, counts.failed), (1, 1, 1));
        assert!((acceptance.rate.unwrap().value - 0.25).abs() < 1e-12);
        assert!((acceptance.of_judged.unwrap().value - 0.5).abs() < 1e-12);
        assert_eq!(Acceptance::of(&[], |prompt| &prompt.steered).rate, None);
    }
}
