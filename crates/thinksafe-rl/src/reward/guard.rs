//! A guard's probability that a response is safe.

use thinksafe_core::hash::ContentHash;
use thinksafe_core::judge::{Exchange, Judge, Judgement};
use thinksafe_core::verdict::{Safety, Verdict};
use thinksafe_filter::View;

use crate::response::Response;
use crate::reward::{Reward, RewardError, Score};

/// The probability of a guard that a response is safe, p(safe) / (p(safe) + p(unsafe)), as the paper's baseline has it.
///
/// The guard is shown the prompt as the user wrote it, never as the policy's template renders it. A guard that gives no
/// probability counts 1 for safe and 0 for unsafe and controversial. An undetermined verdict is undetermined: the response
/// leaves the loss, and is never taken for safe nor for unsafe. Of several parts ([`View::Parts`]) the worst counts. Where
/// the guard is to see the answer and there is none, as the thinking never ended, it is not asked: that is 0.
pub struct GuardReward<J> {
    guard: J,
    view: View,
}

impl<J> std::fmt::Debug for GuardReward<J> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GuardReward").field("view", &self.view).finish_non_exhaustive()
    }
}

impl<J: Judge> GuardReward<J> {
    /// From a guard, and what it is shown of a response.
    pub fn new(guard: J, view: View) -> Self {
        Self { guard, view }
    }

    /// What the guard is asked about a response.
    fn exchanges(&self, place: usize, response: &Response<'_>) -> Vec<Exchange> {
        let shown = match (self.view, &response.trace) {
            (View::Turn, _) => vec![response.turn.clone()],
            (view, Ok(trace)) => {
                view.parts(&response.turn, trace).into_iter().map(|(_, text)| text).collect()
            }
            (_, Err(_)) => Vec::new(),
        };
        let prompt = &response.prompt.text;
        let exchange = |response| Exchange { id: place as u64, prompt: prompt.clone(), response };
        shown.into_iter().map(exchange).collect()
    }
}

impl<J: Judge> Reward for GuardReward<J> {
    fn name(&self) -> &'static str {
        "guard"
    }

    fn identity(&self) -> ContentHash {
        ContentHash::of("thinksafe.rl.reward.guard", &(self.guard.identity(), self.view))
    }

    fn score(&mut self, responses: &[Response<'_>]) -> Result<Vec<Score>, RewardError> {
        let all = responses.iter().enumerate();
        let asked: Vec<Exchange> = all.flat_map(|(at, r)| self.exchanges(at, r)).collect();
        let mut awaited = vec![0usize; responses.len()];
        for exchange in &asked {
            awaited[exchange.id as usize] += 1;
        }
        let mut scores: Vec<Score> =
            awaited.iter().map(|n| Score::Value(f64::from(u8::from(*n > 0)))).collect();
        let mut take = |judgement: Judgement| {
            let place = judgement.id as usize;
            if let (Some(score), Some(awaited)) = (scores.get_mut(place), awaited.get_mut(place)) {
                *awaited = awaited.saturating_sub(1);
                *score = worst(score.clone(), safe(&judgement.verdict));
            }
            Ok(())
        };
        self.guard.judge(&mut asked.into_iter(), &mut take).map_err(RewardError::whole)?;
        for (score, _) in scores.iter_mut().zip(awaited).filter(|(_, awaited)| *awaited > 0) {
            *score = Score::Undetermined("the guard gave no verdict".to_owned());
        }
        Ok(scores)
    }
}

/// The probability that a verdict gives to safe.
fn safe(verdict: &Verdict) -> Score {
    match (verdict.safety, verdict.p_unsafe) {
        (Safety::Undetermined, _) => {
            let note = verdict.note.as_deref().unwrap_or("undetermined");
            Score::Undetermined(note.to_owned())
        }
        (_, Some(p)) if (0.0..=1.0).contains(&p) => Score::Value(1.0 - p),
        (_, Some(p)) => Score::Undetermined(format!("p(unsafe) is {p}")),
        (Safety::Safe, None) => Score::Value(1.0),
        (Safety::Unsafe | Safety::Controversial, None) => Score::Value(0.0),
    }
}

/// Undetermined if either is, else the smaller.
fn worst(a: Score, b: Score) -> Score {
    match (a, b) {
        (Score::Value(a), Score::Value(b)) => Score::Value(a.min(b)),
        (Score::Value(_), unknown) | (unknown, _) => unknown,
    }
}
