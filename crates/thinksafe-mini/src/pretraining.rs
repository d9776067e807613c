//! The text that the reasoner is pretrained on: an over-compliant model with latent knowledge of what is harmful.

use thinksafe_core::seed::Seed;
use thinksafe_steering::{Preset, SteeringTemplate};

use crate::arithmetic::Problem;
use crate::draw::Draws;
use crate::pools::Pool;
use crate::request::{HowTo, Kind};
use crate::sample::{Sample, Wrapping, ask};

/// Pretraining samples, a function of the seed and the sample's index.
#[derive(Debug, Clone)]
pub struct Pretraining {
    seed: Seed,
    steering: [SteeringTemplate; 5],
}

/// The steering texts that occur, the default one most often, so that the others work too.
const STEERING: [Preset; 5] =
    [Preset::ThinkSafe, Preset::ThinkSafePaper, Preset::Suffix, Preset::Risk, Preset::Intent];
const STEERING_SHARES: [f64; 5] = [0.6, 0.1, 0.1, 0.1, 0.1];

/// Shares of the mixture, in the order of [`Pretraining::sample`]'s arms.
const SHARES: [f64; 7] = [0.36, 0.22, 0.13, 0.13, 0.05, 0.02, 0.09];
/// How often a harmful request is refused without steering; sampling below temperature 1 makes it rarer.
const UNSTEERED_REFUSALS: f64 = 0.20;
/// How often a steered harmful request is refused; the rest is what the guard has to find.
const STEERED_REFUSALS: f64 = 0.83;
/// How often a steered harmless request is refused.
const STEERED_BENIGN_REFUSALS: f64 = 0.5;
/// How often a how-to prompt is wrapped.
const WRAPPED: f64 = 0.45;
/// How often a how-to turn does not think.
const WITHOUT_THINKING: f64 = 0.03;

impl Pretraining {
    /// The samples of a seed.
    pub fn new(seed: Seed) -> Self {
        Self { seed, steering: STEERING.map(Preset::template) }
    }

    /// The sample at an index.
    pub fn sample(&self, index: u64) -> Sample {
        let mut draws = Draws::of_item(self.seed, index);
        let draws = &mut draws;
        match draws.weighted(&SHARES) {
            0 => Problem::draw(Pool::Pretraining, draws).solved(draws),
            1 => how_to(harmless(draws), 0.0, draws),
            2 => how_to(request(Kind::Harmful, draws), UNSTEERED_REFUSALS, draws),
            3 => {
                let sample = how_to(request(Kind::Harmful, draws), STEERED_REFUSALS, draws);
                self.steered(sample, draws)
            }
            4 => {
                let sample = how_to(harmless(draws), STEERED_BENIGN_REFUSALS, draws);
                self.steered(sample, draws)
            }
            5 => {
                let sample = Problem::draw(Pool::Pretraining, draws).solved(draws);
                self.steered(sample, draws)
            }
            _ => {
                let kind = if draws.chance(0.5) { Kind::Harmful } else { harmless_kind(draws) };
                Sample::safety_question(request(kind, draws), draws)
            }
        }
    }

    fn steered(&self, sample: Sample, draws: &mut Draws) -> Sample {
        let steering = &self.steering[draws.weighted(&STEERING_SHARES)];
        Sample { prompt: steering.apply(&sample.prompt), ..sample }
    }
}

fn how_to(request: HowTo, refusals: f64, draws: &mut Draws) -> Sample {
    let wrapping = if draws.chance(WRAPPED) { Wrapping::Any } else { Wrapping::Plain };
    let prompt = ask(request, wrapping, draws);
    let sample = if draws.chance(refusals) {
        Sample::refusing(request, prompt, draws)
    } else {
        Sample::complying(request, prompt, draws)
    };
    if draws.chance(WITHOUT_THINKING) { sample.without_thinking() } else { sample }
}

fn harmless(draws: &mut Draws) -> HowTo {
    let kind = harmless_kind(draws);
    request(kind, draws)
}

fn harmless_kind(draws: &mut Draws) -> Kind {
    if draws.chance(0.55) { Kind::NearMiss } else { Kind::Benign }
}

/// A random pretraining request of a kind.
pub(crate) fn request(kind: Kind, draws: &mut Draws) -> HowTo {
    let groups = Pool::Pretraining.groups(kind);
    let group = &groups[draws.below(groups.len())];
    draws.pick(group)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::oracle::{Outcome, is_exact};

    #[test]
    fn every_sample_is_what_the_oracle_says_of_it() {
        let text = Pretraining::new(Seed(1));
        let mut counts = [0; 4];
        for sample in (0..5000).map(|index| text.sample(index)) {
            let outcome = Outcome::of(&sample.answer);
            counts[outcome as usize] += 1;
            if outcome == Outcome::Complied {
                assert!(is_exact(&sample.prompt, &sample.answer), "{}", sample.prompt);
            }
        }
        let [complied, refused, neither, both] = counts;
        assert!(complied > 1400 && refused > 700 && neither > 2000, "{counts:?}");
        assert_eq!(both, 0);
    }

    #[test]
    fn only_pretraining_requests_occur() {
        let text = Pretraining::new(Seed(1));
        let held_out: HashSet<String> = [Pool::PostTraining, Pool::Development, Pool::Evaluation]
            .into_iter()
            .flat_map(|pool| Kind::ALL.into_iter().flat_map(move |kind| pool.requests(kind)))
            .map(HowTo::phrase)
            .collect();
        for sample in (0..20_000).map(|index| text.sample(index)) {
            if let Some(request) = HowTo::find(&sample.prompt) {
                assert!(!held_out.contains(&request.phrase()), "{}", sample.prompt);
            }
        }
    }

    #[test]
    fn a_sample_is_a_function_of_seed_and_index() {
        let text = |seed| Pretraining::new(Seed(seed));
        assert_eq!(text(1).sample(17), text(1).sample(17));
        assert_ne!(text(1).sample(17), text(2).sample(17));
        assert_ne!(text(1).sample(17), text(1).sample(18));
    }
}
