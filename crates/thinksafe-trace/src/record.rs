//! What is logged of each generated trace.

use serde::{Deserialize, Serialize};
use thinksafe_core::generate::{Finish, Generated, Identity, RequestError};
use thinksafe_core::hash::ContentHash;
use thinksafe_core::log::Record;
use thinksafe_core::prompt::PromptLabel;
use thinksafe_core::sampling::Sampling;
use thinksafe_core::seed::SampleSeed;
use thinksafe_core::trace::{ThinkTags, Trace, Unsplit};

/// One sample of one prompt: a line of `traces.jsonl`.
///
/// It holds no time and no place, so that a resumed run writes what an undisturbed one writes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceRecord {
    /// The hash of everything that decided the sample: prompt (id, text, label), steering, sampling, seed, sample
    /// index, engine and marks.
    pub key: ContentHash,
    /// The prompt's id in its set.
    pub prompt_id: String,
    /// What the user asks, without steering.
    pub prompt: String,
    /// Its kind.
    pub label: PromptLabel,
    /// The steering that was around it, if any.
    pub steering: Option<SteeringUsed>,
    /// The sample's index among those of its prompt, from 0.
    pub sample_index: u32,
    /// What its draws were keyed by.
    pub seed: SampleSeed,
    /// How its tokens were chosen.
    pub sampling: Sampling,
    /// What generated it.
    pub identity: Identity,
    /// What came of it.
    pub outcome: TraceOutcome,
}

impl Record for TraceRecord {
    const FORMAT: &'static str = "thinksafe.trace";
    const VERSION: u32 = 1;

    fn key(&self) -> &ContentHash {
        &self.key
    }
}

impl TraceRecord {
    /// The assistant turn, if one was generated.
    pub fn turn(&self) -> Option<&Turn> {
        match &self.outcome {
            TraceOutcome::Generated(turn) => Some(turn),
            TraceOutcome::Failed(_) => None,
        }
    }

    /// The turn's thinking and answer, if one was generated and it splits.
    pub fn trace(&self) -> Option<&Trace> {
        match &self.turn()?.split {
            Split::Trace(trace) => Some(trace),
            Split::Unsplit(_) => None,
        }
    }
}

/// Which steering was around a prompt.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SteeringUsed {
    /// The template's name.
    pub name: String,
    /// The hash of its effect.
    pub hash: ContentHash,
}

/// What came of one sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "a request is served or it is not")]
pub enum TraceOutcome {
    /// The model wrote this.
    Generated(Turn),
    /// The request could not be served.
    Failed(RequestError),
}

/// A generated assistant turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Turn {
    /// The turn's beginning that was part of the prompt (`<think>\n` with DeepSeek-R1's template).
    pub opening: String,
    /// What the model wrote after it.
    pub text: String,
    /// Thinking and answer, or why the turn has no such parts.
    pub split: Split,
    /// Why the generation ended.
    pub finish: Finish,
    /// Tokens of the prompt, opening included.
    pub prompt_tokens: u32,
    /// Tokens of what the model wrote, the ending token included.
    pub completion_tokens: u32,
}

impl Turn {
    /// The turn of a completion, split at its thinking marks.
    pub fn new(generated: Generated, tags: &ThinkTags) -> Self {
        let split = match Trace::parse(&generated.turn(), tags) {
            Ok(trace) => Split::Trace(trace),
            Err(reason) => Split::Unsplit(reason),
        };
        Self {
            completion_tokens: generated.completion_tokens(),
            opening: generated.opening,
            text: generated.text,
            split,
            finish: generated.finish,
            prompt_tokens: generated.prompt_tokens,
        }
    }

    /// The whole turn, as a guard sees it and as it is trained on.
    pub fn whole(&self) -> String {
        format!("{}{}", self.opening, self.text)
    }

    /// Whether the token limit cut it off.
    pub fn is_truncated(&self) -> bool {
        self.finish == Finish::Length
    }
}

/// A turn's parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "a turn splits or it does not")]
pub enum Split {
    /// Thinking and answer.
    Trace(Trace),
    /// Why there are none.
    Unsplit(Unsplit),
}
