//! Whether the answer is the right one.

use thinksafe_core::hash::ContentHash;
use thinksafe_math::{Comparison, Finder, Reason, Verdict, grade};

use crate::response::Response;
use crate::reward::{Reward, RewardError, Score};

/// 1 for the right answer; 0 for a wrong one, for none, for one that cannot be read, and for thinking that never ended. For
/// prompts without a reference answer it does not apply. Answers that could be read and not be compared are undetermined.
#[derive(Debug, Clone, Default)]
pub struct AnswerReward {
    finder: Finder,
    comparison: Comparison,
}

impl AnswerReward {
    /// A checker with rules of one's own for finding and comparing answers.
    pub fn new(finder: Finder, comparison: Comparison) -> Self {
        Self { finder, comparison }
    }

    fn of(&self, response: &Response<'_>) -> Score {
        let Some(reference) = &response.prompt.answer else { return Score::NotApplicable };
        let Some(answer) = response.answer() else { return Score::Value(0.0) };
        match grade(answer, reference, self.finder, &self.comparison).verdict {
            Verdict::Equal => Score::Value(1.0),
            Verdict::Different | Verdict::Undecided(Reason::NoAnswer | Reason::Prediction(_)) => {
                Score::Value(0.0)
            }
            undecided => Score::Undetermined(format!("{undecided:?}")),
        }
    }
}

impl Reward for AnswerReward {
    fn name(&self) -> &'static str {
        "answer"
    }

    fn identity(&self) -> ContentHash {
        let rules = format!("{:?} {:?}", self.finder, self.comparison);
        ContentHash::of("thinksafe.rl.reward.answer", &rules)
    }

    fn score(&mut self, responses: &[Response<'_>]) -> Result<Vec<Score>, RewardError> {
        Ok(responses.iter().map(|response| self.of(response)).collect())
    }
}
