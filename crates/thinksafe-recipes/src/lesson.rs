//! What a recipe hands to training: a prompt, a turn, and what of it is learnt.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use thinksafe_core::prompt::{LabeledPrompt, PromptLabel};
use thinksafe_core::trace::{ThinkTags, Trace};
use thinksafe_filter::DatasetRow;

use crate::error::Error;

/// One example to train on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "plain data that recipes fill in")]
pub struct Lesson {
    /// The prompt's id; empty if the example has none.
    pub id: String,
    /// What the user asks, without steering.
    pub instruction: String,
    /// The assistant turn.
    pub trace: Trace,
    /// The prompt's kind.
    pub label: PromptLabel,
    /// What of the turn is learnt.
    pub supervised: Supervised,
}

/// What of a turn is learnt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "training decides on each")]
pub enum Supervised {
    /// All of it: thinking with its marks, answer, the token that ends the turn.
    Turn,
    /// These stretches and nothing else; the rest is read at most.
    Spans(Vec<Span>),
}

/// A stretch of a part of a turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "plain data that recipes fill in")]
pub struct Span {
    /// The part.
    pub part: Part,
    /// The bytes of its text.
    pub bytes: Range<usize>,
}

/// A part of a turn that has text of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "a trace has these two")]
pub enum Part {
    /// The thinking without its marks.
    Thinking,
    /// The answer.
    Answer,
}

impl Lesson {
    /// The turn as text, in Qwen3's layout.
    pub fn turn(&self, tags: &ThinkTags) -> String {
        self.trace.to_turn(tags)
    }

    /// The bytes of [`turn`](Self::turn) that are learnt. The token that ends the turn is not text; it is learnt with
    /// [`Supervised::Turn`] alone.
    pub fn learnt(&self, tags: &ThinkTags) -> Vec<Range<usize>> {
        let length = self.turn(tags).len();
        match &self.supervised {
            Supervised::Turn => std::iter::once(0..length).collect(),
            Supervised::Spans(spans) => {
                let place = |span: &Span| {
                    let start = match span.part {
                        Part::Thinking => tags.open.len() + 1,
                        Part::Answer => length - self.trace.answer.len(),
                    };
                    start + span.bytes.start..start + span.bytes.end
                };
                spans.iter().map(place).collect()
            }
        }
    }
}

impl From<&DatasetRow> for Lesson {
    /// The whole turn of a row that a protocol kept.
    fn from(row: &DatasetRow) -> Self {
        Self {
            id: row.provenance.as_ref().map_or_else(String::new, |p| p.prompt_id.clone()),
            instruction: row.instruction.clone(),
            trace: row.trace(),
            label: row.prompt_label,
            supervised: Supervised::Turn,
        }
    }
}

/// A lesson of a recipe that writes the turns of harmful prompts itself; `written` are its texts by name.
pub(crate) fn written(
    recipe: &'static str,
    prompt: &LabeledPrompt,
    written: &[(&'static str, &str)],
    trace: Trace,
    supervised: Supervised,
) -> Result<Lesson, Error> {
    let id = prompt.id.clone();
    if !prompt.label.is_harmful() {
        return Err(Error::Harmless { id, recipe });
    }
    if let Some((what, _)) = written.iter().find(|(_, text)| text.trim().is_empty()) {
        return Err(Error::Blank { what, id });
    }
    Ok(Lesson { id, instruction: prompt.text.clone(), trace, label: prompt.label, supervised })
}
