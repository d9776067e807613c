//! Traces: an assistant turn split into its thinking and its answer.

use serde::{Deserialize, Serialize};

/// The marks around a model's thinking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThinkTags {
    /// What opens the thinking.
    pub open: String,
    /// What closes it.
    pub close: String,
}

impl Default for ThinkTags {
    /// `<think>` and `</think>`, as Qwen3 and DeepSeek-R1 write them.
    fn default() -> Self {
        Self { open: "<think>".to_owned(), close: "</think>".to_owned() }
    }
}

/// An assistant turn, split once, where it was generated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trace {
    /// The reasoning without its marks and without the newlines next to them; absent if the model did not think.
    pub thinking: Option<String>,
    /// What the user is shown, without leading newlines.
    pub answer: String,
}

/// Why an assistant turn is not a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Unsplit {
    /// The thinking was opened and never closed: the turn was cut off, there is no answer.
    #[error("the thinking was opened and never closed")]
    UnclosedThinking,
    /// The closing mark comes before the opening one, or thinking is opened a second time.
    #[error("the thinking marks are out of order")]
    OutOfOrder,
}

impl Trace {
    /// Splits a whole assistant turn: what the template opened, the prefill, and what the model wrote.
    ///
    /// A turn with a closing mark only (DeepSeek-R1's template opens the thinking, and some engines do not return
    /// what the template wrote) is split at that mark. A turn with neither mark has no thinking. The answer may
    /// contain further closing marks; they are text.
    ///
    /// # Errors
    /// [`Unsplit`] if the thinking never ends or the marks are out of order.
    pub fn parse(turn: &str, tags: &ThinkTags) -> Result<Self, Unsplit> {
        let open = turn.find(&tags.open);
        let close = turn.find(&tags.close);
        let thinking_from = match (open, close) {
            (None, None) => {
                return Ok(Self { thinking: None, answer: newline_trimmed_start(turn).to_owned() });
            }
            (Some(_), None) => return Err(Unsplit::UnclosedThinking),
            (None, Some(_)) => 0,
            (Some(open), Some(close)) if open < close => {
                if !turn[..open].trim().is_empty() {
                    return Err(Unsplit::OutOfOrder);
                }
                open + tags.open.len()
            }
            (Some(_), Some(_)) => return Err(Unsplit::OutOfOrder),
        };
        let close = close.unwrap_or(turn.len());
        let thinking = &turn[thinking_from..close];
        if thinking.contains(&tags.open) {
            return Err(Unsplit::OutOfOrder);
        }
        let answer = &turn[close + tags.close.len()..];
        Ok(Self {
            thinking: Some(thinking.trim_matches('\n').to_owned()),
            answer: newline_trimmed_start(answer).to_owned(),
        })
    }

    /// The turn as Qwen3 writes it: marks on lines of their own, a blank line before the answer.
    pub fn to_turn(&self, tags: &ThinkTags) -> String {
        match &self.thinking {
            None => self.answer.clone(),
            Some(thinking) => {
                format!("{}\n{thinking}\n{}\n\n{}", tags.open, tags.close, self.answer)
            }
        }
    }
}

fn newline_trimmed_start(text: &str) -> &str {
    text.trim_start_matches('\n')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(turn: &str) -> Result<(Option<String>, String), Unsplit> {
        Trace::parse(turn, &ThinkTags::default()).map(|t| (t.thinking, t.answer))
    }

    #[test]
    fn splits_every_form_that_models_write() {
        let split = |t: &str, a: &str| Ok((Some(t.to_owned()), a.to_owned()));
        assert_eq!(parse("<think>\na\n</think>\n\nb"), split("a", "b"));
        assert_eq!(parse("\n<think>a</think>b"), split("a", "b"));
        assert_eq!(parse("a\n</think>\n\nb"), split("a", "b"));
        assert_eq!(parse("<think>\n\n</think>\n\nb"), split("", "b"));
        assert_eq!(parse("<think>a</think>b</think>c"), split("a", "b</think>c"));
        assert_eq!(parse("plain"), Ok((None, "plain".to_owned())));
        assert_eq!(parse("<think>cut off"), Err(Unsplit::UnclosedThinking));
        assert_eq!(parse("text <think>a</think>b"), Err(Unsplit::OutOfOrder));
        assert_eq!(parse("</think><think>"), Err(Unsplit::OutOfOrder));
        assert_eq!(parse("<think>a<think>b</think>c"), Err(Unsplit::OutOfOrder));
    }

    proptest! {
        #[test]
        fn a_trace_reads_back_from_its_turn(thinking in "[a-z ]{0,20}", answer in "[a-z <>/]{0,20}") {
            let trace = Trace { thinking: Some(thinking), answer };
            let tags = ThinkTags::default();
            prop_assert_eq!(Trace::parse(&trace.to_turn(&tags), &tags).unwrap(), trace);
        }

        #[test]
        fn parsing_never_panics(turn in "(<think>|</think>|\n|é|[a-z ]){0,12}") {
            let _ = Trace::parse(&turn, &ThinkTags::default());
        }
    }
}
