//! What a policy is trained on.

use serde::{Deserialize, Serialize};
use thinksafe_core::hash::ContentHash;
use thinksafe_core::message::{Message, Prompt};
use thinksafe_core::prompt::{LabeledPrompt, PromptLabel};

/// A prompt, with what rewards need to know about it.
///
/// ```
/// use thinksafe_core::prompt::PromptLabel;
/// use thinksafe_rl::RlPrompt;
///
/// let sum = RlPrompt::new("sum", "What is 2 + 2?", PromptLabel::VanillaBenign).with_answer("4");
/// assert_eq!(sum.answer.as_deref(), Some("4"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "plain data that callers fill in")]
pub struct RlPrompt {
    /// A name that is unique within its set.
    pub id: String,
    /// What the user asks.
    pub text: String,
    /// Its kind.
    pub label: PromptLabel,
    /// The right answer, for prompts that have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// How the assistant's turn may be made to begin: a flawed chain of thought that the policy is to recover from (RECAP;
    /// Peng et al., 2025). It is read and never learnt: ratios, lengths and the loss begin behind it. For a model that
    /// opens its thinking itself it begins with that mark. It is untrusted text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefill: Option<String>,
}

impl RlPrompt {
    /// A prompt without answer and prefill.
    pub fn new(id: impl Into<String>, text: impl Into<String>, label: PromptLabel) -> Self {
        Self { id: id.into(), text: text.into(), label, answer: None, prefill: None }
    }

    /// The same prompt with its right answer.
    #[must_use]
    pub fn with_answer(self, answer: impl Into<String>) -> Self {
        Self { answer: Some(answer.into()), ..self }
    }

    /// The same prompt with a beginning of the turn.
    #[must_use]
    pub fn with_prefill(self, prefill: impl Into<String>) -> Self {
        Self { prefill: Some(prefill.into()), ..self }
    }

    pub(crate) fn message(&self) -> Prompt {
        Prompt::Messages(vec![Message::user(self.text.as_str())])
    }

    pub(crate) fn hash(&self) -> ContentHash {
        ContentHash::of("thinksafe.rl.prompt", self)
    }
}

impl From<LabeledPrompt> for RlPrompt {
    fn from(prompt: LabeledPrompt) -> Self {
        let LabeledPrompt { id, text, label } = prompt;
        Self::new(id, text, label)
    }
}

/// The first `count` words of a text, with the white space between them: RECAP cuts its prefills after 500.
///
/// ```
/// assert_eq!(thinksafe_rl::first_words("one two\nthree four", 3), "one two\nthree");
/// assert_eq!(thinksafe_rl::first_words("one two", 9), "one two");
/// ```
pub fn first_words(text: &str, count: usize) -> &str {
    let mut left = count;
    let mut in_word = false;
    for (at, c) in text.char_indices() {
        if c.is_whitespace() {
            if in_word && left == 0 {
                return &text[..at];
            }
            in_word = false;
        } else if !in_word {
            if left == 0 {
                return text[..at].trim_end();
            }
            left -= 1;
            in_word = true;
        }
    }
    text
}
