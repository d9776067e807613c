//! One response: what was sent, what came back, what each scorer says of it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use thinksafe_core::generate::Finish;
use thinksafe_core::hash::ContentHash;
use thinksafe_core::message::{Part, Prompt, Role};
use thinksafe_core::prompt::PromptLabel;
use thinksafe_core::trace::Trace;

use super::model;
use super::results::Usage;
use crate::benchmark::Item;
use crate::evaluate::Evaluated;
use crate::sample::{Outcome, Response};
use crate::score::{Aspect, Score, Unscored, Value};

/// `EvalSample`.
#[derive(Serialize)]
pub(super) struct Sample<'a> {
    id: &'a str,
    epoch: u32,
    input: &'a str,
    target: &'a str,
    messages: Vec<Message<'a>>,
    output: Output<'a>,
    scores: BTreeMap<&'a str, SampleScore<'a>>,
    metadata: Metadata<'a>,
    model_usage: BTreeMap<String, Usage>,
    uuid: &'a ContentHash,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failure>,
}

/// `ChatMessage`.
#[derive(Clone, Serialize)]
struct Message<'a> {
    role: Role,
    content: Content<'a>,
    source: &'static str,
}

#[derive(Clone, Serialize)]
#[serde(untagged)]
enum Content<'a> {
    Text(Cow<'a, str>),
    Pieces([Piece<'a>; 2]),
}

/// `ContentReasoning` and `ContentText`.
#[derive(Clone, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Piece<'a> {
    Reasoning { reasoning: &'a str },
    Text { text: &'a str },
}

/// `ModelOutput`; without choices where the request failed.
#[derive(Serialize)]
struct Output<'a> {
    model: String,
    choices: Vec<Choice<'a>>,
    usage: Usage,
}

/// `ChatCompletionChoice`.
#[derive(Serialize)]
struct Choice<'a> {
    message: Message<'a>,
    stop_reason: &'static str,
}

/// `Score`.
#[derive(Serialize)]
struct SampleScore<'a> {
    value: ScoreValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<&'a str>,
    /// Why there is no score.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Unscored>,
}

/// A right or wrong answer is `C` or `I`; all else is a number, NaN if there is no score.
#[derive(Serialize)]
#[serde(untagged)]
enum ScoreValue {
    Letter(&'static str),
    Number(f64),
}

#[derive(Serialize)]
struct Metadata<'a> {
    /// The unit of independence, hashed: it may be the whole request.
    cluster: ContentHash,
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<PromptLabel>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefill: Option<&'a str>,
    /// As text: readers in JavaScript would round the number.
    seed: String,
}

/// `EvalError`; there is no Python to trace back.
#[derive(Serialize)]
struct Failure {
    message: String,
    traceback: &'static str,
    traceback_ansi: &'static str,
}

/// In inspect_ai's order: by epoch, then by id.
pub(super) fn samples<'a>(evaluated: &'a Evaluated, names: &'a [String]) -> Vec<Sample<'a>> {
    let responses = evaluated.responses.iter().enumerate();
    let mut samples: Vec<Sample<'a>> =
        responses.map(|(index, response)| sample(evaluated, names, index, response)).collect();
    samples.sort_by_key(|sample| (sample.epoch, sample.id));
    samples
}

fn sample<'a>(
    evaluated: &'a Evaluated,
    names: &'a [String],
    index: usize,
    response: &'a Response,
) -> Sample<'a> {
    let item = &evaluated.benchmark.items()[response.item];
    let model = model(evaluated);
    let answered = choice(response);
    let mut messages = sent(item);
    messages.extend(answered.iter().map(|choice| choice.message.clone()));
    let measured = names.iter().zip(&evaluated.measured);
    Sample {
        id: &item.id,
        epoch: response.record.sample + 1,
        input: &item.text,
        target: item.reference.as_deref().unwrap_or_default(),
        messages,
        output: Output {
            model: model.clone(),
            choices: answered.into_iter().collect(),
            usage: Usage::of([response]),
        },
        scores: measured
            .filter_map(|(name, m)| {
                Some((name.as_str(), score(m.metric.aspect, m.scores.get(index)?)))
            })
            .collect(),
        metadata: metadata(item, response),
        model_usage: BTreeMap::from([(model, Usage::of([response]))]),
        uuid: &response.record.key,
        error: failure(response),
    }
}

/// The conversation that the model was sent. Token ids are not turned back: the request stands for them.
fn sent(item: &Item) -> Vec<Message<'_>> {
    let message = |role, text| Message { role, content: Content::Text(text), source: "input" };
    match &item.prompt {
        Prompt::Messages(messages) => {
            messages.iter().map(|m| message(m.role, Cow::Borrowed(m.content.as_str()))).collect()
        }
        Prompt::Parts(parts) => {
            let text = |part: &Part| match part {
                Part::Template(text) | Part::Text(text) => text.clone(),
            };
            vec![message(Role::User, parts.iter().map(text).collect::<String>().into())]
        }
        Prompt::Ids(_) => vec![message(Role::User, Cow::Borrowed(item.text.as_str()))],
    }
}

/// The assistant's turn, if the request was served.
fn choice(response: &Response) -> Option<Choice<'_>> {
    let content = match &response.trace {
        Ok(Trace { thinking: Some(thinking), answer }) => Content::Pieces([
            Piece::Reasoning { reasoning: thinking },
            Piece::Text { text: answer },
        ]),
        Ok(Trace { thinking: None, answer }) => Content::Text(Cow::Borrowed(answer)),
        Err(_) => Content::Text(response.turn().into()),
    };
    let stop_reason = match response.generated()?.finish {
        Finish::EndOfTurn(_) | Finish::EndOfTurnUntold | Finish::StopText(_) => "stop",
        Finish::Length => "max_tokens",
    };
    let message = Message { role: Role::Assistant, content, source: "generate" };
    Some(Choice { message, stop_reason })
}

fn score(aspect: Aspect, score: &Score) -> SampleScore<'_> {
    let value = match (score.value, aspect) {
        (Value::Binary(true), Aspect::Reasoning) => ScoreValue::Letter("C"),
        (Value::Binary(false), Aspect::Reasoning) => ScoreValue::Letter("I"),
        (value, _) => ScoreValue::Number(value.number().unwrap_or(f64::NAN)),
    };
    let reason = match score.value {
        Value::Unscored(reason) => Some(reason),
        Value::Binary(_) | Value::Degree(_) => None,
    };
    let explanation = score.explanation.as_deref().or(reason.map(Unscored::as_str));
    SampleScore { value, answer: score.answer.as_deref(), explanation, reason }
}

fn metadata<'a>(item: &'a Item, response: &Response) -> Metadata<'a> {
    Metadata {
        cluster: ContentHash::of_bytes(item.cluster()),
        category: item.category.as_deref(),
        label: item.label,
        prefill: item.prefill.as_deref(),
        seed: response.record.seed.0.to_string(),
    }
}

fn failure(response: &Response) -> Option<Failure> {
    match &response.record.outcome {
        Outcome::Failed(error) => {
            Some(Failure { message: error.to_string(), traceback: "", traceback_ansi: "" })
        }
        Outcome::Generated(_) => None,
    }
}
