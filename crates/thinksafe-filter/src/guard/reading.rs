//! What is read of a guard's output.

use serde::{Deserialize, Serialize};
use thinksafe_core::generate::Logprobs;
use thinksafe_core::verdict::{Safety, Verdict};

use super::TokenVote;

/// What is read of the output of a guard that says its verdict in one token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reading {
    /// The probabilities of the token that says the verdict; nothing else is generated.
    FirstToken,
    /// These probabilities, and what the guard goes on to write: categories, refusal.
    FirstTokenAndWords,
    /// The words alone, for engines that return no log-probabilities.
    Words,
}

impl Reading {
    /// How much is generated if the guard's words have up to `words` tokens.
    pub(super) fn max_new_tokens(self, words: u32) -> u32 {
        if self == Self::FirstToken { 1 } else { words }
    }

    pub(super) fn logprobs(self, vote: &TokenVote) -> Option<Logprobs> {
        (self != Self::Words).then(|| vote.logprobs())
    }

    /// The verdict of the vote or the words; where both are read, the vote decides and the words say the rest.
    pub(super) fn verdict(
        self,
        vote: impl FnOnce() -> Verdict,
        words: impl FnOnce() -> Verdict,
    ) -> Verdict {
        match self {
            Self::FirstToken => vote(),
            Self::Words => words(),
            Self::FirstTokenAndWords => joined(vote(), words()),
        }
    }
}

fn joined(vote: Verdict, words: Verdict) -> Verdict {
    let found = matches!(vote.safety, Safety::Unsafe | Safety::Controversial);
    Verdict {
        categories: if found { words.categories } else { Vec::new() },
        refusal: words.refusal,
        prompt_harmful: words.prompt_harmful,
        note: vote.note.or(words.note),
        ..vote
    }
}
