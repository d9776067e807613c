//! The seam to whatever generates text: a local model, a remote engine, a scripted test double.

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::hash::ContentHash;
use crate::message::Prompt;
use crate::sampling::Sampling;
use crate::seed::SampleSeed;

/// An engine that completes prompts.
///
/// Requests are pulled as the engine has room for them, and completions pushed as they finish, in any order: neither
/// side ever holds all of them. Each request gets exactly one completion, unless the call ends in an error.
pub trait Generate {
    /// What produces the text; part of every record's key.
    fn identity(&self) -> &Identity;

    /// Completes every request.
    ///
    /// # Errors
    /// [`Error::Engine`] if the engine fails as a whole, or the first error that `sink` returns, after which no
    /// more requests are pulled. A single request that cannot be served is no error but a completion whose
    /// outcome says so.
    fn generate(
        &mut self,
        requests: &mut dyn Iterator<Item = Request>,
        sink: &mut dyn FnMut(Completion) -> Result<(), Error>,
    ) -> Result<(), Error>;
}

impl<G: Generate + ?Sized> Generate for Box<G> {
    fn identity(&self) -> &Identity {
        (**self).identity()
    }

    fn generate(
        &mut self,
        requests: &mut dyn Iterator<Item = Request>,
        sink: &mut dyn FnMut(Completion) -> Result<(), Error>,
    ) -> Result<(), Error> {
        (**self).generate(requests, sink)
    }
}

impl<G: Generate + ?Sized> Generate for &mut G {
    fn identity(&self) -> &Identity {
        (**self).identity()
    }

    fn generate(
        &mut self,
        requests: &mut dyn Iterator<Item = Request>,
        sink: &mut dyn FnMut(Completion) -> Result<(), Error>,
    ) -> Result<(), Error> {
        (**self).generate(requests, sink)
    }
}

/// What produces text, for provenance and resume keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The engine's name, e.g. `thinksafe-runtime`.
    pub engine: String,
    /// The model's name for people.
    pub model: String,
    /// Hash of the weights, the configuration and the number format.
    pub weights: ContentHash,
    /// Hash of the chat template and the tokenizer.
    pub template: ContentHash,
    /// Hash of the LoRA adapter that is switched on, if any.
    pub adapter: Option<ContentHash>,
}

impl Identity {
    /// One hash over everything but the model's name.
    pub fn hash(&self) -> ContentHash {
        ContentHash::of(
            "thinksafe.identity",
            &(&self.engine, &self.weights, &self.template, &self.adapter),
        )
    }
}

/// One prompt to complete.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// The caller's number for it; the completion carries it.
    pub id: u64,
    /// What the model is asked.
    pub prompt: Prompt,
    /// Text that the assistant's turn begins with; the model continues it. It is untrusted text.
    pub prefill: Option<String>,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// What their draws are keyed by.
    pub seed: SampleSeed,
    /// Which log-probabilities to return.
    pub logprobs: Option<Logprobs>,
    /// Which adapter completes it.
    #[serde(default)]
    pub adapter: AdapterChoice,
}

impl Request {
    /// A request without prefill and log-probabilities, completed by the model as it is.
    pub fn new(id: u64, prompt: Prompt, sampling: Sampling, seed: SampleSeed) -> Self {
        let (prefill, logprobs, adapter) = (None, None, AdapterChoice::Model);
        Self { id, prompt, prefill, sampling, seed, logprobs, adapter }
    }
}

/// Which LoRA adapter completes a request.
///
/// [`Identity`] speaks of the model as it is: who logs requests that choose otherwise has to key them by their choice.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "an engine decides on each choice")]
pub enum AdapterChoice {
    /// The model's own, if it has one that is switched on.
    #[default]
    Model,
    /// None: the base model.
    Off,
    /// The one that the engine holds under this name.
    Named(String),
}

/// Which log-probabilities to return for each generated token.
///
/// All are natural logarithms under the model's own distribution: temperature 1, no penalty, no truncation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Logprobs {
    /// How many of the most likely tokens.
    pub top: u32,
    /// These tokens in any case, given as text that is a single token (a guard's `safe` and `unsafe`).
    pub of: Vec<String>,
}

/// The log-probabilities at one generated position.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenLogprobs {
    /// The chosen token's.
    pub chosen: f64,
    /// The most likely tokens, most likely first: id, text, log-probability.
    pub top: Vec<(u32, String, f64)>,
    /// Those asked for by name, in the order asked; NaN where the engine does not tell (a server lists only the most
    /// likely tokens). It is written as `null`.
    #[serde(deserialize_with = "known_or_nan")]
    pub of: Vec<f64>,
}

fn known_or_nan<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
    let told = Vec::<Option<f64>>::deserialize(deserializer)?;
    Ok(told.into_iter().map(|logprob| logprob.unwrap_or(f64::NAN)).collect())
}

/// Why a generation ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "pipelines decide on each way a text can end")]
pub enum Finish {
    /// The model ended its turn with this token.
    EndOfTurn(u32),
    /// The model ended its turn, and the engine does not tell with which token (some servers).
    EndOfTurnUntold,
    /// One of the request's stop texts appeared.
    StopText(String),
    /// The token limit was reached: the text is cut off.
    Length,
}

/// What a model wrote.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generated {
    /// The part of the assistant's turn that was in the prompt: what the template opened (`<think>\n` for
    /// DeepSeek-R1) and the prefill.
    pub opening: String,
    /// What the model wrote after it; special tokens left out, stop text cut.
    pub text: String,
    /// The generated token ids, the ending token included; empty where the engine does not tell them (some servers).
    pub ids: Vec<u32>,
    /// How many tokens were generated whose ids the engine does not tell.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub untold_tokens: u32,
    /// Why it ended.
    pub finish: Finish,
    /// How many tokens the prompt had, prefill included.
    pub prompt_tokens: u32,
    /// One entry for each id, if asked for.
    pub logprobs: Option<Vec<TokenLogprobs>>,
}

impl Generated {
    /// The whole assistant turn.
    pub fn turn(&self) -> String {
        format!("{}{}", self.opening, self.text)
    }

    /// How many tokens were generated, the ending token included.
    pub fn completion_tokens(&self) -> u32 {
        self.ids.len() as u32 + self.untold_tokens
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// The outcome of one request.
#[derive(Debug, Clone, PartialEq)]
pub struct Completion {
    /// The request's number.
    pub id: u64,
    /// What came of it.
    pub outcome: Result<Generated, RequestError>,
    /// What serving it took.
    pub counters: Counters,
}

impl Completion {
    /// A completion of an engine that counts nothing.
    pub fn new(id: u64, outcome: Result<Generated, RequestError>) -> Self {
        Self { id, outcome, counters: Counters::default() }
    }
}

/// What serving a request took. It depends on what else the engine had to do, unlike the outcome, so it belongs in
/// progress and never in a record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "plain numbers")]
pub struct Counters {
    /// Tokens whose keys and values were there already, computed for another request that begins the same.
    pub shared_tokens: u64,
    /// How often it lost its keys and values to others, and had them computed again.
    pub preemptions: u64,
}

impl std::ops::AddAssign for Counters {
    fn add_assign(&mut self, other: Self) {
        self.shared_tokens += other.shared_tokens;
        self.preemptions += other.preemptions;
    }
}

/// Why a single request could not be served. It is data: it goes into the record and is counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RequestError {
    /// The request's settings are wrong.
    #[error("invalid request: {reason}")]
    Invalid {
        /// Which setting and why.
        reason: String,
    },
    /// The prompt leaves no room in the model's context. An allowance that reaches beyond the context is no error: the
    /// text then ends with [`Finish::Length`] where the context is full.
    #[error("the prompt has {tokens} tokens, the model's context holds {limit}")]
    PromptTooLong {
        /// Tokens of the prompt.
        tokens: usize,
        /// The model's limit.
        limit: usize,
    },
    /// A given turn and its conversation do not fit into the model's context.
    #[error(
        "the turn and its conversation have {tokens} tokens, the model's context holds {limit}"
    )]
    TurnTooLong {
        /// Tokens of both.
        tokens: usize,
        /// The model's limit.
        limit: usize,
    },
    /// The chat template rejected the conversation.
    #[error("the chat template failed: {reason}")]
    Template {
        /// Its words.
        reason: String,
    },
    /// The engine holds no adapter of the name.
    #[error("the engine holds no adapter `{name}`")]
    UnknownAdapter {
        /// The name asked for.
        name: String,
    },
    /// The engine lacks what the request asks for.
    #[error("the engine does not support {feature}")]
    Unsupported {
        /// What it lacks.
        feature: String,
    },
}
