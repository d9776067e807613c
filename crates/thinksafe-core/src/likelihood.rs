//! The seam to whatever tells how likely a model finds a turn that is given.

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::generate::{Identity, RequestError};
use crate::message::Message;
use crate::trace::Trace;

/// A model that scores given turns.
///
/// Like [`Generate`](crate::generate::Generate): pulled in, pushed out, in any order, exactly one score each.
pub trait TurnScorer {
    /// What scores; part of every record's key.
    fn scorer(&self) -> &Identity;

    /// Scores every turn.
    ///
    /// # Errors
    /// [`Error::Engine`] if the model fails as a whole, or the first error that `sink` returns. A turn that cannot be
    /// scored is no error but a score whose outcome says so.
    fn score_turns(
        &mut self,
        turns: &mut dyn Iterator<Item = GivenTurn>,
        sink: &mut dyn FnMut(ScoredTurn) -> Result<(), Error>,
    ) -> Result<(), Error>;
}

/// An assistant turn, and the conversation that it follows.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "plain data that callers fill in")]
pub struct GivenTurn {
    /// The caller's number for it; the score carries it.
    pub id: u64,
    /// What the model is given.
    pub messages: Vec<Message>,
    /// The turn whose likelihood is asked for.
    pub trace: Trace,
}

/// The score of one turn.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct ScoredTurn {
    /// The turn's number.
    pub id: u64,
    /// Its likelihood, or why there is none.
    pub outcome: Result<TurnLikelihood, RequestError>,
}

/// How likely a model finds the tokens of a turn, each given the conversation and the tokens before it.
///
/// The tokens are those that a trainer would learn; what the template opens belongs to the conversation and is in neither
/// part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "a turn has these parts")]
pub struct TurnLikelihood {
    /// The thinking with the marks that the model writes around it.
    pub thinking: Likelihood,
    /// The answer and the token that ends the turn.
    pub answer: Likelihood,
}

impl TurnLikelihood {
    /// The whole turn.
    pub fn turn(&self) -> Likelihood {
        let Self { thinking, answer } = *self;
        Likelihood {
            tokens: thinking.tokens + answer.tokens,
            log_prob: thinking.log_prob + answer.log_prob,
        }
    }
}

/// How likely a stretch of tokens is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "plain numbers")]
pub struct Likelihood {
    /// How many tokens.
    pub tokens: u64,
    /// The sum of their log-probabilities: natural logarithms under the model's own distribution, at temperature 1 and
    /// without truncation.
    pub log_prob: f64,
}

impl<S: TurnScorer + ?Sized> TurnScorer for &mut S {
    fn scorer(&self) -> &Identity {
        (**self).scorer()
    }

    fn score_turns(
        &mut self,
        turns: &mut dyn Iterator<Item = GivenTurn>,
        sink: &mut dyn FnMut(ScoredTurn) -> Result<(), Error>,
    ) -> Result<(), Error> {
        (**self).score_turns(turns, sink)
    }
}
