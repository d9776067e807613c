//! From texts to examples: token ids, and what of them is learnt.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use thinksafe_chat::{Chat, Segments, SpanKind};
use thinksafe_core::message::Message;
use thinksafe_core::prompt::PromptLabel;
use thinksafe_core::trace::Trace;

use crate::Error;
use crate::example::Example;

/// One text to learn: a conversation without steering, and the assistant turn that follows it.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "plain data that callers fill in")]
pub struct TrainingText {
    /// A name, for messages.
    pub id: String,
    /// What the model is given.
    pub messages: Vec<Message>,
    /// What it is to answer.
    pub trace: Trace,
    /// The prompt's label, if known.
    pub label: Option<PromptLabel>,
    /// Stretches of the trace with weights of their own, in place of those that [`Supervise`] gives; where two overlap, the
    /// later one counts.
    pub spans: Vec<WeightedSpan>,
}

/// A stretch of a trace with a weight of its own: 0 for what is only to be read (a tool's result, a step that is wrong),
/// more than 1 for what matters most (the final number).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "plain data that callers fill in")]
pub struct WeightedSpan {
    /// The text that it is in.
    pub part: TracePart,
    /// The bytes of that text. The tokens that begin among them are meant.
    pub bytes: Range<usize>,
    /// The weight of each of its tokens.
    pub weight: f32,
}

/// A text of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "a trace has these two")]
pub enum TracePart {
    /// `Trace::thinking`.
    Thinking,
    /// `Trace::answer`.
    Answer,
}

impl TrainingText {
    /// A text of one user message.
    pub fn new(id: impl Into<String>, instruction: impl Into<String>, trace: Trace) -> Self {
        let messages = vec![Message::user(instruction)];
        Self { id: id.into(), messages, trace, label: None, spans: Vec::new() }
    }

    /// The same text with a prompt label.
    #[must_use]
    pub fn labeled(self, label: PromptLabel) -> Self {
        Self { label: Some(label), ..self }
    }

    /// The same text with another weight for a stretch of it.
    #[must_use]
    pub fn weighted(mut self, part: TracePart, bytes: Range<usize>, weight: f32) -> Self {
        self.spans.push(WeightedSpan { part, bytes, weight });
        self
    }
}

impl WeightedSpan {
    /// Sets the weights of the tokens meant.
    fn apply(
        &self,
        trace: &Trace,
        segments: &Segments,
        weights: &mut [f32],
    ) -> Result<(), SkipReason> {
        let (kind, text) = match self.part {
            TracePart::Thinking => (SpanKind::Thinking, trace.thinking.as_deref().unwrap_or("")),
            TracePart::Answer => (SpanKind::Answer, trace.answer.as_str()),
        };
        let fits = text.get(self.bytes.clone()).is_some();
        if !fits || !self.weight.is_finite() || self.weight < 0.0 {
            return Err(SkipReason::Span { span: self.clone() });
        }
        weights[segments.within(kind, &self.bytes)].fill(self.weight);
        Ok(())
    }
}

/// How texts become examples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encoding {
    /// Which parts of a text are learnt.
    pub supervise: Supervise,
    /// The most tokens of an example, prompt included.
    pub max_length: usize,
    /// What becomes of longer ones.
    pub overlong: Overlong,
}

impl Default for Encoding {
    /// The whole turn, up to 16,384 tokens, longer texts left out.
    fn default() -> Self {
        Self { supervise: Supervise::Turn, max_length: 16_384, overlong: Overlong::Drop }
    }
}

/// Which parts of a text are learnt.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Supervise {
    /// All that the model writes: thinking with its marks, answer, the token that ends the turn.
    Turn,
    /// The thinking and its marks.
    Thinking,
    /// The answer and the token that ends the turn.
    Answer,
    /// Every part with a weight of its own; marks count to the thinking, the token that ends the turn to the answer.
    Weighted {
        /// The weight of the prompt's tokens.
        prompt: f32,
        /// The weight of the thinking's tokens.
        thinking: f32,
        /// The weight of the answer's tokens.
        answer: f32,
    },
}

impl Supervise {
    /// The weight of the tokens of a part.
    pub fn weight(self, part: SpanKind) -> f32 {
        let (prompt, thinking, answer) = match self {
            Self::Turn => (0.0, 1.0, 1.0),
            Self::Thinking => (0.0, 1.0, 0.0),
            Self::Answer => (0.0, 0.0, 1.0),
            Self::Weighted { prompt, thinking, answer } => (prompt, thinking, answer),
        };
        match part {
            SpanKind::Prompt => prompt,
            SpanKind::ThinkOpen | SpanKind::Thinking | SpanKind::ThinkClose => thinking,
            SpanKind::Answer | SpanKind::EndOfTurn => answer,
        }
    }
}

/// What becomes of texts that are longer than allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "a text is kept or left out")]
pub enum Overlong {
    /// They are left out and named.
    Drop,
    /// Their end is cut off, the token that ends the turn with it, as the reference code does: the model then
    /// learns beginnings of answers that do not end.
    Truncate,
}

/// Examples, and what became of the texts that gave none.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Encoded {
    /// The examples, in the order of their texts.
    pub examples: Vec<Example>,
    /// The texts left out, and why.
    pub skipped: Vec<Skipped>,
    /// The ids of the texts that were cut.
    pub truncated: Vec<String>,
}

impl Encoded {
    /// Tokens of all examples.
    pub fn tokens(&self) -> u64 {
        self.examples.iter().map(|e| e.ids.len() as u64).sum()
    }

    /// Tokens of them that are learnt.
    pub fn supervised_tokens(&self) -> u64 {
        self.examples.iter().map(|e| e.supervised_tokens() as u64).sum()
    }
}

/// A text that gave no example.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Skipped {
    /// The text.
    pub id: String,
    /// Why.
    pub reason: SkipReason,
}

/// Why a text gave no example.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SkipReason {
    /// It is longer than allowed.
    #[error("{tokens} tokens, at most {limit} are allowed")]
    TooLong {
        /// Its length.
        tokens: usize,
        /// The limit.
        limit: usize,
    },
    /// Nothing in it is learnt: what would be was cut off, or the text lacks it.
    #[error("no token is supervised")]
    NothingSupervised,
    /// A span is not within its text or cuts a character, or its weight is no finite number from 0.
    #[error("bytes {:?} of its {:?} with weight {} cannot be weighted", span.bytes, span.part, span.weight)]
    Span {
        /// The span.
        span: WeightedSpan,
    },
    /// The chat template or the tokenizer refused it.
    #[error("it could not be encoded: {reason}")]
    NotEncoded {
        /// Their words.
        reason: String,
    },
}

/// Encodes texts. None is lost silently: what gives no example is in [`Encoded::skipped`].
///
/// # Errors
/// [`Error::Config`] if the options are out of range. A text that cannot be encoded is no error but counted.
pub fn encode<'t>(
    texts: impl IntoIterator<Item = &'t TrainingText>,
    chat: &Chat,
    encoding: &Encoding,
) -> Result<Encoded, Error> {
    encoding.validate()?;
    let mut encoded = Encoded { examples: Vec::new(), skipped: Vec::new(), truncated: Vec::new() };
    for text in texts {
        match encode_one(text, chat, encoding) {
            Ok((example, tokens)) => {
                if example.ids.len() < tokens {
                    encoded.truncated.push(example.id.clone());
                }
                encoded.examples.push(example);
            }
            Err(reason) => encoded.skipped.push(Skipped { id: text.id.clone(), reason }),
        }
    }
    tracing::info!(
        examples = encoded.examples.len(),
        skipped = encoded.skipped.len(),
        truncated = encoded.truncated.len(),
        "encoded the training texts"
    );
    Ok(encoded)
}

/// An example, and how many tokens its text has uncut.
pub(crate) fn encode_one(
    text: &TrainingText,
    chat: &Chat,
    encoding: &Encoding,
) -> Result<(Example, usize), SkipReason> {
    let segments = chat
        .encode_example(&text.messages, &text.trace)
        .map_err(|error| SkipReason::NotEncoded { reason: with_causes(&error) })?;
    let tokens = segments.ids.len();
    if tokens > encoding.max_length && encoding.overlong == Overlong::Drop {
        return Err(SkipReason::TooLong { tokens, limit: encoding.max_length });
    }
    let mut weights = vec![0.0; tokens];
    for span in &segments.spans {
        weights[span.range.clone()].fill(encoding.supervise.weight(span.kind));
    }
    for span in &text.spans {
        span.apply(&text.trace, &segments, &mut weights)?;
    }
    let mut example =
        Example { id: text.id.clone(), ids: segments.ids, weights, label: text.label };
    example.ids.truncate(encoding.max_length);
    example.weights.truncate(encoding.max_length);
    if example.supervised_tokens() == 0 {
        return Err(SkipReason::NothingSupervised);
    }
    Ok((example, tokens))
}

impl Encoding {
    pub(crate) fn validate(&self) -> Result<(), Error> {
        if self.max_length < 2 {
            let reason = format!("expected at least 2, found {}", self.max_length);
            return Err(Error::Config { field: "max_length", reason });
        }
        let Supervise::Weighted { prompt, thinking, answer } = self.supervise else {
            return Ok(());
        };
        match [prompt, thinking, answer].into_iter().find(|w| !w.is_finite() || *w < 0.0) {
            None => Ok(()),
            Some(weight) => {
                let reason = format!("expected finite weights from 0, found {weight}");
                Err(Error::Config { field: "supervise", reason })
            }
        }
    }
}

/// An error's message followed by those of its causes.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
