//! Whether a turn thinks in the model's format.

use serde::{Deserialize, Serialize};
use thinksafe_chat::Chat;
use thinksafe_core::hash::ContentHash;
use thinksafe_core::message::{Message, Prompt};
use thinksafe_core::trace::ThinkTags;

use crate::Error;
use crate::response::Response;
use crate::reward::{Reward, RewardError, Score};

/// 1 for a turn with exactly one pair of thinking marks in their order, else 0 (appendix F of the paper).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThinkingFormat {
    opens: ThinkingOpens,
    tags: ThinkTags,
}

/// Who writes the mark that opens the thinking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "the template writes it or the model does")]
pub enum ThinkingOpens {
    /// The model (Qwen3): the turn has one opening mark and one closing mark behind it.
    ByModel,
    /// The chat template (DeepSeek-R1 and its distillations): the model writes one closing mark and no opening one. What
    /// the template wrote at the turn's very beginning does not count.
    ByTemplate,
}

impl ThinkingFormat {
    /// The format of `<think>` and `</think>`.
    pub fn new(opens: ThinkingOpens) -> Self {
        Self::with_tags(opens, ThinkTags::default())
    }

    /// The format of other marks.
    pub fn with_tags(opens: ThinkingOpens, tags: ThinkTags) -> Self {
        Self { opens, tags }
    }

    /// The format of a model by its chat template: its marks, and whether the template opens the thinking.
    ///
    /// # Errors
    /// [`Error::Chat`] if the template cannot render a prompt.
    pub fn of(chat: &Chat) -> Result<Self, Error> {
        let text = "Hello.";
        let prompt = Prompt::Messages(vec![Message::user(text)]);
        let failed = |source| Error::Chat { prompt: text.to_owned(), source };
        let opening = chat.encode_prompt(&prompt, None).map_err(failed)?.opening;
        let tags = chat.think_tags().clone();
        let is_open = opening.contains(&tags.open) && !opening.contains(&tags.close);
        let opens = if is_open { ThinkingOpens::ByTemplate } else { ThinkingOpens::ByModel };
        Ok(Self::with_tags(opens, tags))
    }

    /// Whether a whole turn has the format.
    ///
    /// ```
    /// use thinksafe_rl::{ThinkingFormat, ThinkingOpens};
    ///
    /// let qwen3 = ThinkingFormat::new(ThinkingOpens::ByModel);
    /// assert!(qwen3.accepts("<think>\nHm.\n</think>\n\nNo."));
    /// assert!(!qwen3.accepts("Hm.\n</think>\n\nNo."));
    /// ```
    pub fn accepts(&self, turn: &str) -> bool {
        let ThinkTags { open, close } = &self.tags;
        let written = match self.opens {
            ThinkingOpens::ByModel => turn,
            ThinkingOpens::ByTemplate => turn.trim_start().strip_prefix(open).unwrap_or(turn),
        };
        let opened: Vec<usize> = written.match_indices(open).map(|(at, _)| at).collect();
        let closed: Vec<usize> = written.match_indices(close).map(|(at, _)| at).collect();
        match (self.opens, &opened[..], &closed[..]) {
            (ThinkingOpens::ByModel, [open], [close]) => open < close,
            (ThinkingOpens::ByTemplate, [], [_]) => true,
            _ => false,
        }
    }
}

impl Reward for ThinkingFormat {
    fn name(&self) -> &'static str {
        "thinking_format"
    }

    fn identity(&self) -> ContentHash {
        ContentHash::of("thinksafe.rl.reward.thinking-format", &(self.opens, &self.tags))
    }

    fn score(&mut self, responses: &[Response<'_>]) -> Result<Vec<Score>, RewardError> {
        let score = |response: &Response<'_>| {
            Score::Value(f64::from(u8::from(self.accepts(&response.turn))))
        };
        Ok(responses.iter().map(score).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_of_each_family() {
        let cases = [
            ("<think>a</think>b", true, true),
            ("a</think>b", false, true),
            ("\n<think>a</think>b", true, true),
            ("a<think>b</think>c", true, false),
            ("<think>a</think>b</think>", false, false),
            ("<think>a<think>b</think>", false, false),
            ("</think>a<think>", false, false),
            ("<think>a", false, false),
            ("a", false, false),
            ("", false, false),
        ];
        for (turn, by_model, by_template) in cases {
            let accepts = |opens| ThinkingFormat::new(opens).accepts(turn);
            assert_eq!(accepts(ThinkingOpens::ByModel), by_model, "{turn:?}");
            assert_eq!(accepts(ThinkingOpens::ByTemplate), by_template, "{turn:?}");
        }
    }
}
