//! A response as rewards see it.

use thinksafe_core::generate::{Finish, Generated};
use thinksafe_core::trace::{ThinkTags, Trace, Unsplit};

use crate::prompt::RlPrompt;

/// What the policy wrote to a prompt.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Response<'a> {
    /// What was asked.
    pub prompt: &'a RlPrompt,
    /// What was generated.
    pub generated: &'a Generated,
    /// The whole assistant turn: what the template opened, the prefill, and what was generated.
    pub turn: String,
    /// The turn split into thinking and answer.
    pub trace: Result<Trace, Unsplit>,
}

impl<'a> Response<'a> {
    /// A response of a model with these marks around its thinking.
    pub fn new(prompt: &'a RlPrompt, generated: &'a Generated, tags: &ThinkTags) -> Self {
        let turn = generated.turn();
        let trace = Trace::parse(&turn, tags);
        Self { prompt, generated, turn, trace }
    }

    /// What the user is shown; none if the thinking never ended.
    pub fn answer(&self) -> Option<&str> {
        self.trace.as_ref().ok().map(|trace| trace.answer.as_str())
    }

    /// Whether it was cut off by the limit of tokens.
    pub fn is_truncated(&self) -> bool {
        self.generated.finish == Finish::Length
    }
}
