//! The responses to one prompt, and what becomes of each.

use serde::{Deserialize, Serialize};
use thinksafe_core::generate::{Finish, Generated, RequestError};

use crate::advantage::tell_apart;
use crate::reward::Mark;
use crate::visit::Visit;

/// What became of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fate {
    /// It is in the loss.
    Trained,
    /// The engine could not serve the request.
    Failed,
    /// A reward could not tell: it counts neither in the loss nor in its group.
    Undetermined,
    /// It was cut off by the limit of tokens, and such are dropped.
    Truncated,
    /// Its group's rewards are all alike, and dynamic sampling drops such groups.
    Equal,
    /// Fewer than two responses of its group have a reward, so there is nothing to compare it with.
    Alone,
}

/// The responses drawn in one visit to a prompt.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) visit: Visit,
    pub(crate) members: Vec<Member>,
    pub(crate) standing: Standing,
}

/// Whether a group is in the loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It tells its responses apart.
    Telling,
    /// All its rewards are alike.
    Equal,
    /// Fewer than two rewards are known.
    TooFew,
}

/// One response of a group.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) outcome: Result<Generated, RequestError>,
    pub(crate) mark: Option<Mark>,
    pub(crate) advantage: Option<f64>,
    pub(crate) fate: Fate,
}

impl Member {
    pub(crate) fn new(outcome: Result<Generated, RequestError>) -> Self {
        let fate = if outcome.is_ok() { Fate::Undetermined } else { Fate::Failed };
        Self { outcome, mark: None, advantage: None, fate }
    }

    /// The reward, if all of it is known.
    pub(crate) fn reward(&self) -> Option<f64> {
        self.mark.as_ref()?.total
    }

    pub(crate) fn is_truncated(&self) -> bool {
        self.outcome.as_ref().is_ok_and(|generated| generated.finish == Finish::Length)
    }
}

impl Group {
    pub(crate) fn new(visit: Visit, members: Vec<Member>) -> Self {
        Self { visit, members, standing: Standing::TooFew }
    }

    /// The rewards that are known, in the order of the responses.
    pub(crate) fn rewards(&self) -> Vec<f64> {
        self.members.iter().filter_map(Member::reward).collect()
    }

    /// Decides whether the rewards tell the responses apart.
    pub(crate) fn settle(&mut self, spread: f64) {
        let rewards = self.rewards();
        self.standing = match rewards.len() {
            0 | 1 => Standing::TooFew,
            _ if tell_apart(&rewards, spread) => Standing::Telling,
            _ => Standing::Equal,
        };
    }

    /// Gives the responses with a reward their advantages, or the reason why the group has none.
    pub(crate) fn finish(&mut self, advantages: Option<Vec<f64>>, drop_truncated: bool) {
        let standing = self.standing;
        let rewarded = self.members.iter_mut().filter(|member| member.reward().is_some());
        let mut advantages = advantages.map(Vec::into_iter);
        for member in rewarded {
            member.advantage = advantages.as_mut().and_then(Iterator::next);
            member.fate = match (member.advantage, standing) {
                (Some(_), _) if drop_truncated && member.is_truncated() => Fate::Truncated,
                (Some(_), _) => Fate::Trained,
                (None, Standing::TooFew) => Fate::Alone,
                (None, _) => Fate::Equal,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(rewards: &[Option<f64>]) -> Group {
        let generated = Generated {
            opening: String::new(),
            text: String::new(),
            ids: vec![1],
            untold_tokens: 0,
            finish: Finish::Length,
            prompt_tokens: 1,
            logprobs: None,
        };
        let member = |reward: &Option<f64>| Member {
            mark: Some(Mark { total: *reward, scores: Vec::new() }),
            ..Member::new(Ok(generated.clone()))
        };
        let visit = Visit { number: 0, prompt: 0, prefilled: false };
        Group::new(visit, rewards.iter().map(member).collect())
    }

    fn fates(group: &Group) -> Vec<Fate> {
        group.members.iter().map(|member| member.fate).collect()
    }

    #[test]
    fn what_is_not_determined_counts_nowhere() {
        let mut telling = group(&[Some(0.0), None, Some(1.0)]);
        telling.settle(0.0);
        assert_eq!(telling.standing, Standing::Telling);
        telling.finish(Some(vec![-0.5, 0.5]), false);
        assert_eq!(fates(&telling), [Fate::Trained, Fate::Undetermined, Fate::Trained]);
        assert_eq!(telling.members[2].advantage, Some(0.5));
        telling.finish(Some(vec![-0.5, 0.5]), true);
        assert_eq!(fates(&telling), [Fate::Truncated, Fate::Undetermined, Fate::Truncated]);

        let mut alone = group(&[None, Some(1.0)]);
        alone.settle(0.0);
        assert_eq!(alone.standing, Standing::TooFew);
        alone.finish(None, false);
        assert_eq!(fates(&alone), [Fate::Undetermined, Fate::Alone]);
    }

    #[test]
    fn groups_of_equal_rewards_stand_apart() {
        let mut equal = group(&[Some(0.25), Some(0.25)]);
        equal.settle(0.0);
        assert_eq!(equal.standing, Standing::Equal);
        equal.finish(None, false);
        assert_eq!(fates(&equal), [Fate::Equal, Fate::Equal]);
    }
}
