//! From a step's groups to its records.

use thinksafe_core::generate::Generated;
use thinksafe_core::hash::ContentHash;

use crate::advantage::{deviation, mean};
use crate::group::{Fate, Group, Member, Standing};
use crate::record::{
    GroupCounts, ResponseCounts, RewardMean, RolloutOutcome, RolloutRecord, RolloutText,
    rollout_key,
};
use crate::reward::Score;
use crate::visit::Course;

/// What the groups of a step say together.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Summary {
    pub(crate) reward: f64,
    pub(crate) reward_std: f64,
    pub(crate) rewards: Vec<RewardMean>,
    pub(crate) groups: GroupCounts,
    pub(crate) responses: ResponseCounts,
    pub(crate) mean_tokens: f64,
}

impl Summary {
    pub(crate) fn of(groups: &[Group], names: Vec<String>) -> Self {
        let members: Vec<&Member> = groups.iter().flat_map(|group| &group.members).collect();
        let rewards: Vec<f64> = members.iter().filter_map(|member| member.reward()).collect();
        let generated = members.iter().filter_map(|member| member.outcome.as_ref().ok());
        let tokens: Vec<f64> = generated.map(|g| f64::from(g.completion_tokens())).collect();
        let each = names.into_iter().enumerate();
        Self {
            reward: mean(&rewards),
            reward_std: deviation(&rewards),
            rewards: each.map(|(term, name)| reward_mean(term, name, &members)).collect(),
            groups: group_counts(groups),
            responses: response_counts(&members),
            mean_tokens: mean(&tokens),
        }
    }
}

fn reward_mean(term: usize, name: String, members: &[&Member]) -> RewardMean {
    let scores = members.iter().filter_map(|member| member.mark.as_ref()?.scores.get(term));
    let (mut values, mut undetermined) = (Vec::new(), 0);
    for score in scores {
        match score {
            Score::Value(value) => values.push(*value),
            Score::Undetermined(_) => undetermined += 1,
            Score::NotApplicable => {}
        }
    }
    let mean = (!values.is_empty()).then(|| mean(&values));
    RewardMean { name, mean, undetermined }
}

fn group_counts(groups: &[Group]) -> GroupCounts {
    let mut counts = GroupCounts::default();
    for group in groups {
        counts.drawn += 1;
        match group.standing {
            Standing::Telling => counts.telling += 1,
            Standing::Equal => counts.equal += 1,
            Standing::TooFew => counts.too_few += 1,
        }
    }
    counts
}

fn response_counts(members: &[&Member]) -> ResponseCounts {
    let mut counts = ResponseCounts::default();
    for member in members {
        counts.drawn += 1;
        match member.fate {
            Fate::Trained => counts.trained += 1,
            Fate::Failed => counts.failed += 1,
            Fate::Undetermined => counts.undetermined += 1,
            Fate::Truncated => counts.truncated += 1,
            Fate::Equal => counts.equal += 1,
            Fate::Alone => counts.alone += 1,
        }
    }
    counts
}

/// The records of all responses of a step, in the order in which they were asked for.
pub(crate) fn rollout_records(
    groups: Vec<Group>,
    course: Course<'_>,
    run: &ContentHash,
    step: u64,
) -> Vec<RolloutRecord> {
    let of_group = |group: Group| {
        let Group { visit, members, .. } = group;
        let prompt = &course.prompts[visit.prompt];
        (0..).zip(members).map(move |(sample, member): (u32, Member)| RolloutRecord {
            key: rollout_key(run, visit.number, sample),
            step,
            visit: visit.number,
            prompt_id: prompt.id.clone(),
            label: prompt.label,
            prefilled: visit.prefilled,
            sample,
            seed: course.sample_seed(visit, sample),
            reward: member.reward(),
            advantage: member.advantage,
            fate: member.fate,
            scores: member.mark.map(|mark| mark.scores).unwrap_or_default(),
            outcome: match member.outcome {
                Ok(generated) => RolloutOutcome::Written(text(generated)),
                Err(reason) => RolloutOutcome::Failed(reason),
            },
        })
    };
    groups.into_iter().flat_map(of_group).collect()
}

fn text(generated: Generated) -> RolloutText {
    let log_probability = generated.logprobs.iter().flatten().map(|token| token.chosen).sum();
    let tokens = generated.completion_tokens();
    let Generated { opening, text, finish, prompt_tokens, .. } = generated;
    RolloutText { opening, text, finish, prompt_tokens, tokens, log_probability }
}
