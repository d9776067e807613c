//! The sum of rewards that a policy is trained on.

use thinksafe_core::hash::ContentHash;
use thinksafe_sft::Subset;

use crate::Error;
use crate::response::Response;
use crate::reward::{Reward, RewardError, Score};

/// A weighted sum of rewards, each on all prompts, the harmful or the benign ones.
///
/// The baseline of the paper is the probability of a guard that a response is safe, plus 1 for thinking in the right format:
///
/// ```
/// use thinksafe_core::judge::Judge;
/// use thinksafe_filter::View;
/// use thinksafe_rl::{GuardReward, Rewards, ThinkingFormat, ThinkingOpens};
///
/// fn paper(guard: &mut dyn Judge) -> Rewards<'_> {
///     Rewards::new()
///         .with(GuardReward::new(guard, View::Turn), 1.0)
///         .with(ThinkingFormat::new(ThinkingOpens::ByModel), 1.0)
/// }
/// ```
#[derive(Default)]
pub struct Rewards<'r> {
    terms: Vec<Weighted<'r>>,
}

struct Weighted<'r> {
    reward: Box<dyn Reward + 'r>,
    weight: f64,
    on: Subset,
}

/// What the rewards made of a response.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Mark {
    /// The weighted sum; none if a reward could not tell.
    pub total: Option<f64>,
    /// Each reward's score, not weighted, in the order of the sum.
    pub scores: Vec<Score>,
}

impl std::fmt::Debug for Rewards<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

impl<'r> Rewards<'r> {
    /// An empty sum.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same sum with a further reward, on all prompts.
    #[must_use]
    pub fn with(self, reward: impl Reward + 'r, weight: f64) -> Self {
        self.with_on(reward, weight, Subset::All)
    }

    /// The same sum with a further reward, on some prompts.
    #[must_use]
    pub fn with_on(mut self, reward: impl Reward + 'r, weight: f64, on: Subset) -> Self {
        self.terms.push(Weighted { reward: Box::new(reward), weight, on });
        self
    }

    /// The names of the rewards, in their order.
    pub fn names(&self) -> Vec<String> {
        self.terms.iter().map(|term| term.reward.name().to_owned()).collect()
    }

    /// The hash of everything that decides the sum.
    pub fn identity(&self) -> ContentHash {
        let terms =
            self.terms.iter().map(|t| (t.reward.name(), t.reward.identity(), t.weight, t.on));
        ContentHash::of("thinksafe.rl.rewards", &terms.collect::<Vec<_>>())
    }

    /// Scores responses with every reward.
    ///
    /// # Errors
    /// [`Error::Reward`] if a reward fails, [`Error::RewardCount`] or [`Error::RewardValue`] if it gives what is no score,
    /// [`Error::NoReward`] if none applies to a response.
    pub fn score(&mut self, responses: &[Response<'_>]) -> Result<Vec<Mark>, Error> {
        let mut marks = vec![Mark { total: Some(0.0), scores: Vec::new() }; responses.len()];
        for term in &mut self.terms {
            for (mark, score) in marks.iter_mut().zip(term.score(responses)?) {
                mark.add(score, term.weight);
            }
        }
        let silent = |mark: &Mark| mark.scores.iter().all(|score| *score == Score::NotApplicable);
        match marks.iter().position(silent) {
            None => Ok(marks),
            Some(at) => Err(Error::NoReward { prompt: responses[at].prompt.id.clone() }),
        }
    }

    pub(crate) fn validate(&self) -> Result<(), Error> {
        let wrong = |reason: String| Err(Error::Config { field: "rewards", reason });
        let names = self.names();
        if names.is_empty() {
            return wrong("expected at least one".to_owned());
        }
        if let Some(name) =
            (1..names.len()).find_map(|i| names[..i].iter().find(|n| **n == names[i]))
        {
            return wrong(format!("two are called `{name}`"));
        }
        match self.terms.iter().find(|term| !term.weight.is_finite()) {
            Some(term) => {
                wrong(format!("the weight of `{}` is {}", term.reward.name(), term.weight))
            }
            None => Ok(()),
        }
    }
}

impl Weighted<'_> {
    /// A score for each response; those to prompts of the other kind are not shown to the reward.
    fn score(&mut self, responses: &[Response<'_>]) -> Result<Vec<Score>, Error> {
        let applies = |response: &Response<'_>| self.on.contains(Some(response.prompt.label));
        let places: Vec<usize> = (0..responses.len()).filter(|i| applies(&responses[*i])).collect();
        let shown: Vec<Response<'_>> = places.iter().map(|i| responses[*i].clone()).collect();
        let found = self.reward.score(&shown).map_err(|error| self.failed(error, &shown))?;
        self.check(&found, &shown)?;
        let mut scores = vec![Score::NotApplicable; responses.len()];
        for (place, score) in places.into_iter().zip(found) {
            scores[place] = score;
        }
        Ok(scores)
    }

    fn failed(&self, error: RewardError, shown: &[Response<'_>]) -> Error {
        let of = |response: &Response<'_>| response.prompt.id.clone();
        let mut prompts: Vec<String> = match error.response.and_then(|at| shown.get(at)) {
            Some(response) => vec![of(response)],
            None => shown.iter().map(of).collect(),
        };
        prompts.dedup();
        Error::Reward { reward: self.reward.name().to_owned(), prompts, source: error.source }
    }

    fn check(&self, found: &[Score], shown: &[Response<'_>]) -> Result<(), Error> {
        let reward = || self.reward.name().to_owned();
        if found.len() != shown.len() {
            let (found, expected) = (found.len(), shown.len());
            return Err(Error::RewardCount { reward: reward(), found, expected });
        }
        for (score, response) in found.iter().zip(shown) {
            if let Score::Value(value) = score
                && !value.is_finite()
            {
                let prompt = response.prompt.id.clone();
                return Err(Error::RewardValue { reward: reward(), prompt, value: *value });
            }
        }
        Ok(())
    }
}

impl Mark {
    fn add(&mut self, score: Score, weight: f64) {
        self.total = match (&score, self.total) {
            (Score::Value(value), Some(total)) => Some(total + weight * value),
            (Score::NotApplicable, total) => total,
            (Score::Undetermined(_), _) | (_, None) => None,
        };
        self.scores.push(score);
    }
}
