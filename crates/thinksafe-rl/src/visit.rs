//! Which prompt comes when: a function of the seed and of how many came before, so that resume needs one number.

use thinksafe_core::generate::{Logprobs, Request};
use thinksafe_core::seed::{SampleSeed, Seed};

use crate::config::GrpoConfig;
use crate::prompt::RlPrompt;

/// One turn of a prompt, for which a group of responses is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Visit {
    /// How many visits were before it in the run.
    pub(crate) number: u64,
    /// The prompt's place in its set.
    pub(crate) prompt: usize,
    /// Whether the turn begins with the prompt's prefill.
    pub(crate) prefilled: bool,
}

/// The course of a run over its prompts: a new permutation each time that all have come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Course<'a> {
    pub(crate) prompts: &'a [RlPrompt],
    pub(crate) config: &'a GrpoConfig,
}

impl Course<'_> {
    /// The visits from a number on.
    pub(crate) fn visits(&self, from: u64, count: usize) -> Vec<Visit> {
        let all = self.prompts.len() as u64;
        let mut epoch = None;
        let numbers = from..from + count as u64;
        let mut visit = |number: u64| {
            let (_, order) = match epoch.take() {
                Some((of, order)) if of == number / all => epoch.insert((of, order)),
                _ => epoch.insert((number / all, self.order(number / all))),
            };
            let prompt = order[(number % all) as usize];
            Visit { number, prompt, prefilled: self.is_prefilled(number, prompt) }
        };
        numbers.map(&mut visit).collect()
    }

    /// What the engine is asked: the group of each visit, one behind the other.
    pub(crate) fn requests(&self, visits: &[Visit]) -> Vec<Request> {
        let group = self.config.group_size;
        let samples = visits.iter().flat_map(|visit| (0..group).map(move |k| (*visit, k)));
        let numbered = (0..).zip(samples);
        numbered.map(|(id, (visit, sample))| self.request(id, visit, sample)).collect()
    }

    /// The seed of a response: no two of a run are the same.
    pub(crate) fn sample_seed(&self, visit: Visit, sample: u32) -> SampleSeed {
        let seed = self.seed("rollout").purpose(&format!("visit {}", visit.number));
        seed.sample(&self.prompts[visit.prompt].hash(), sample)
    }

    fn request(&self, id: u64, visit: Visit, sample: u32) -> Request {
        let prompt = &self.prompts[visit.prompt];
        let seed = self.sample_seed(visit, sample);
        let prefill = prompt.prefill.clone().filter(|_| visit.prefilled);
        let request = Request::new(id, prompt.message(), self.config.sampling.clone(), seed);
        Request { prefill, logprobs: Some(Logprobs::default()), ..request }
    }

    fn order(&self, epoch: u64) -> Vec<usize> {
        let seed = self.seed("order").purpose(&format!("epoch {epoch}"));
        seed.stream().permutation(self.prompts.len())
    }

    fn is_prefilled(&self, number: u64, prompt: usize) -> bool {
        let draw = self.seed("prefill").stream().uniform(number);
        self.prompts[prompt].prefill.is_some() && draw < self.config.prefill_share
    }

    fn seed(&self, purpose: &str) -> Seed {
        self.config.seed.purpose("rl").purpose(purpose)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use thinksafe_core::prompt::PromptLabel;

    use super::*;

    fn prompts(n: usize) -> Vec<RlPrompt> {
        let prompt = |i: usize| {
            RlPrompt::new(i.to_string(), format!("p{i}"), PromptLabel::VanillaBenign)
                .with_prefill("so")
        };
        (0..n).map(prompt).collect()
    }

    #[test]
    fn every_prompt_comes_once_an_epoch_wherever_one_begins() {
        let (prompts, config) = (prompts(5), GrpoConfig::default());
        let course = Course { prompts: &prompts, config: &config };
        let all = course.visits(0, 15);
        for epoch in all.chunks(5) {
            assert_eq!(epoch.iter().map(|v| v.prompt).collect::<HashSet<_>>().len(), 5);
        }
        assert_ne!(
            all[..5].iter().map(|v| v.prompt).collect::<Vec<_>>(),
            all[5..10].iter().map(|v| v.prompt).collect::<Vec<_>>()
        );
        assert_eq!(course.visits(7, 4), all[7..11]);
    }

    #[test]
    fn no_two_responses_share_a_seed_and_the_share_of_prefills_is_kept() {
        let (prompts, config) = (prompts(5), GrpoConfig::default());
        let course = Course { prompts: &prompts, config: &config };
        let requests = course.requests(&course.visits(0, 200));
        let seeds: HashSet<SampleSeed> = requests.iter().map(|r| r.seed).collect();
        assert_eq!(seeds.len(), 200 * 8);
        let groups: Vec<bool> =
            requests.chunks(8).map(|group| group[0].prefill.is_some()).collect();
        assert!(requests.chunks(8).zip(&groups).all(|(group, prefilled)| {
            group.iter().all(|request| request.prefill.is_some() == *prefilled)
        }));
        let share = groups.iter().filter(|prefilled| **prefilled).count();
        assert!((80..120).contains(&share), "{share}");
    }
}
