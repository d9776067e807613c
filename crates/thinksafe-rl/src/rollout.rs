//! Drawing groups of responses and scoring them.

use thinksafe_core::generate::{Generate, Generated, RequestError};
use thinksafe_core::trace::ThinkTags;
use thinksafe_runtime::LocalGenerator;

use crate::Error;
use crate::group::{Group, Member};
use crate::response::Response;
use crate::reward::Rewards;
use crate::visit::{Course, Visit};

/// Draws the group of each visit, all in one run of the engine.
pub(crate) fn draw(
    generator: &mut LocalGenerator,
    course: Course<'_>,
    visits: &[Visit],
) -> Result<Vec<Group>, Error> {
    let requests = course.requests(visits);
    let mut outcomes: Vec<Option<Result<Generated, RequestError>>> = vec![None; requests.len()];
    generator.generate(&mut requests.into_iter(), &mut |completion| {
        outcomes[completion.id as usize] = Some(completion.outcome);
        Ok(())
    })?;
    let unanswered = || Err(RequestError::Invalid { reason: "no completion came".to_owned() });
    let mut members = outcomes.into_iter().map(|o| Member::new(o.unwrap_or_else(unanswered)));
    let group = |visit: &Visit| {
        let members = members.by_ref().take(course.config.group_size as usize).collect();
        Group::new(*visit, members)
    };
    Ok(visits.iter().map(group).collect())
}

/// Scores all responses of the groups, in one call of each reward.
pub(crate) fn score(
    groups: &mut [Group],
    course: Course<'_>,
    rewards: &mut Rewards<'_>,
    tags: &ThinkTags,
) -> Result<(), Error> {
    let mut responses = Vec::new();
    for group in &*groups {
        let prompt = &course.prompts[group.visit.prompt];
        let generated = group.members.iter().filter_map(|member| member.outcome.as_ref().ok());
        responses.extend(generated.map(|generated| Response::new(prompt, generated, tags)));
    }
    let mut marks = rewards.score(&responses)?.into_iter();
    let members = groups.iter_mut().flat_map(|group| &mut group.members);
    for member in members.filter(|member| member.outcome.is_ok()) {
        member.mark = marks.next();
    }
    Ok(())
}
