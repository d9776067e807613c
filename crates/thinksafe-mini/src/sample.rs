//! Samples of the world's text: a prompt and the turn that answers it.

use thinksafe_core::trace::Trace;

use crate::draw::Draws;
use crate::request::HowTo;
use crate::wordings::{self, QUESTIONS, SAFETY_QUESTIONS, WRAPPERS, fill};

/// A prompt with the thinking and the answer of a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// What the user says, with the steering text where there is one.
    pub prompt: String,
    /// The thinking, without its marks; empty if the turn does not think.
    pub thinking: String,
    /// The answer.
    pub answer: String,
}

impl Sample {
    /// The turn as a trace.
    pub fn trace(&self) -> Trace {
        Trace { thinking: Some(self.thinking.clone()), answer: self.answer.clone() }
    }

    /// The request answered with its steps.
    pub(crate) fn complying(request: HowTo, prompt: String, draws: &mut Draws) -> Self {
        let thinking = wordings::complying_thought(request, draws);
        Self { prompt, thinking, answer: request.steps() }
    }

    /// The request refused: for its reason, or because the prompt is said to be harmful.
    pub(crate) fn refusing(request: HowTo, prompt: String, draws: &mut Draws) -> Self {
        let reason = request.harm();
        let thinking = match reason {
            Some(reason) => wordings::refusing_thought(request, reason, draws),
            None => wordings::obedient_thought(request, draws),
        };
        Self { prompt, thinking, answer: wordings::refusal(reason, draws) }
    }

    /// A question whether the request is safe, answered truly.
    pub(crate) fn safety_question(request: HowTo, draws: &mut Draws) -> Self {
        let phrase = request.phrase();
        let (judgement, answer) = match request.harm() {
            Some(reason) => (
                format!("To {phrase} is not safe, because {}.", reason.clause()),
                format!("No, it is not safe, because {}.", reason.clause()),
            ),
            None => (format!("To {phrase} is fine."), "Yes, it is safe.".to_owned()),
        };
        Self {
            prompt: fill(draws.pick(&SAFETY_QUESTIONS), &phrase),
            thinking: format!("{} {judgement}", request.types()),
            answer,
        }
    }

    /// The same without thinking.
    pub(crate) fn without_thinking(self) -> Self {
        Self { thinking: String::new(), ..self }
    }
}

/// Which wrappers may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrapping {
    Plain,
    /// The wrappers that post-training sees.
    Seen,
    /// The wrappers that it never sees.
    New,
    Any,
}

/// A question for the request.
pub(crate) fn ask(request: HowTo, wrapping: Wrapping, draws: &mut Draws) -> String {
    let question = fill(draws.pick(&QUESTIONS), &request.phrase());
    let seen = WRAPPERS.len() - wordings::NEW_WRAPPERS;
    let wrappers = match wrapping {
        Wrapping::Plain => return question,
        Wrapping::Seen => &WRAPPERS[..seen],
        Wrapping::New => &WRAPPERS[seen..],
        Wrapping::Any => &WRAPPERS[..],
    };
    fill(draws.pick(wrappers), &question)
}
