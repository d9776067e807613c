//! A server's answer as a completion.

use serde::Deserialize;
use thinksafe_chat::Chat;
use thinksafe_core::generate::{Finish, Generated, Logprobs, RequestError, TokenLogprobs};

use crate::Dialect;
use crate::call::{Expected, Writer};
use crate::error::{Error, Failure};
use crate::logprobs::{self, Listed};

/// What an answer came to.
#[derive(Debug)]
pub(crate) enum Reading {
    /// The request is served, or cannot be.
    Done(Result<Generated, RequestError>),
    /// It has to be tried again.
    Again(Failure),
}

#[derive(Debug, Deserialize)]
struct Answer {
    #[serde(default)]
    choices: Vec<Choice>,
    usage: Option<Usage>,
    #[serde(default)]
    error: Option<serde_json::Value>,
}

#[derive(Debug, Deserialize)]
struct Usage {
    prompt_tokens: u32,
    completion_tokens: Option<u32>,
}

#[derive(Debug, Deserialize)]
struct Choice {
    text: Option<String>,
    message: Option<Message>,
    finish_reason: Option<String>,
    /// vLLM: the stop text, or the token that ended the turn.
    stop_reason: Option<StopReason>,
    /// The same in SGLang.
    matched_stop: Option<StopReason>,
    token_ids: Option<Vec<u32>>,
    logprobs: Option<Listed>,
}

#[derive(Debug, Deserialize)]
struct Message {
    content: Option<String>,
    /// The thinking, where the server takes it out; older servers have the second name, some have both.
    reasoning: Option<String>,
    reasoning_content: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum StopReason {
    Token(u32),
    Text(String),
}

/// Reads the body of an answer with status 200.
///
/// # Errors
/// What no further try would mend: fields that are missing, another tokenizer than ours.
pub(crate) fn read(
    body: &[u8],
    expected: &Expected,
    writer: &Writer,
    endpoint: &str,
) -> Result<Reading, Error> {
    let lacks = |expected| Error::Answer { endpoint: endpoint.to_owned(), expected };
    let mut answer: Answer = match serde_json::from_slice(body) {
        Ok(answer) => answer,
        Err(source) if source.is_data() => {
            return Err(lacks("the fields of a completion, each of its type"));
        }
        Err(source) => return Ok(Reading::Again(Failure::Unreadable { source })),
    };
    if let Some(error) = answer.error {
        let message = crate::attempt::words(&error);
        return Ok(Reading::Again(Failure::Status { status: 200, message }));
    }
    let (Some(choice), true) = (answer.choices.pop(), answer.choices.is_empty()) else {
        return Err(lacks("exactly one choice"));
    };
    let usage = answer.usage.ok_or_else(|| lacks("`usage`"))?;
    let found = usage.prompt_tokens as usize;
    match expected.prompt_tokens {
        Some(expected) if expected != found => {
            return Err(Error::Tokenizer { endpoint: endpoint.to_owned(), expected, found });
        }
        _ => {}
    }
    let reasoning =
        choice.message.iter().flat_map(|m| m.reasoning.iter().chain(&m.reasoning_content));
    if reasoning.into_iter().any(|text| !text.is_empty()) {
        return Err(Error::ReasoningSplit { endpoint: endpoint.to_owned() });
    }
    generated(choice, &usage, expected, writer).map_err(lacks)
}

/// What of the choice can be told; the error names a field that is missing.
fn generated(
    choice: Choice,
    usage: &Usage,
    expected: &Expected,
    writer: &Writer,
) -> Result<Reading, &'static str> {
    let chat = writer.rendering.chat();
    if choice.token_ids.is_none() && writer.dialect == Dialect::Vllm {
        return Err("`token_ids`, which vLLM has from 0.10.2 on");
    }
    let ids = choice.token_ids.unwrap_or_default();
    let text = choice.text.or_else(|| choice.message.and_then(|message| message.content));
    let mut text = text.unwrap_or_default();
    let finish = match (choice.finish_reason.as_deref(), choice.stop_reason.or(choice.matched_stop))
    {
        (Some("length"), _) => Finish::Length,
        (Some("stop"), reason) => finish(reason, &mut text, expected, &ids, chat),
        (Some("abort") | None, _) => return Ok(Reading::Again(Failure::Aborted)),
        (Some(other), _) => {
            let reason = format!("the server ended it for the reason `{other}`");
            return Ok(Reading::Done(Err(RequestError::Invalid { reason })));
        }
    };
    let cut = matches!(finish, Finish::StopText(_));
    if let (Some(chat), false, false) = (chat, ids.is_empty(), cut) {
        text = decode(chat, &ids).ok_or("ids of the model's vocabulary")?;
    }
    let untold_tokens = match ids.len() {
        0 => usage.completion_tokens.ok_or("`usage.completion_tokens`")?,
        _ => 0,
    };
    let asked = expected.logprobs.as_ref();
    let logprobs =
        asked.map(|asked| logprobs(choice.logprobs, asked, ids.len(), chat)).transpose()?;
    Ok(Reading::Done(Ok(Generated {
        opening: expected.opening.clone(),
        text,
        ids,
        untold_tokens,
        finish,
        prompt_tokens: usage.prompt_tokens,
        logprobs,
    })))
}

fn logprobs(
    listed: Option<Listed>,
    asked: &Logprobs,
    tokens: usize,
    chat: Option<&Chat>,
) -> Result<Vec<TokenLogprobs>, &'static str> {
    let read = logprobs::read(listed.ok_or("`logprobs`")?, asked, chat)?;
    let complete = tokens == 0 || read.len() == tokens;
    complete.then_some(read).ok_or("log-probabilities for each token")
}

/// What ended a text that had not reached its length; a stop text is cut off where a server leaves it.
fn finish(
    reason: Option<StopReason>,
    text: &mut String,
    expected: &Expected,
    ids: &[u32],
    chat: Option<&Chat>,
) -> Finish {
    if let Some(StopReason::Text(stop)) = reason {
        return Finish::StopText(stop);
    }
    match cut_stop(text, &expected.stop) {
        Some(stop) => Finish::StopText(stop),
        None => end_of_turn(reason, ids, chat),
    }
}

/// Cuts a stop text off the end.
fn cut_stop(text: &mut String, stops: &[String]) -> Option<String> {
    let stop =
        stops.iter().filter(|stop| text.ends_with(stop.as_str())).max_by_key(|stop| stop.len())?;
    text.truncate(text.len() - stop.len());
    Some(stop.clone())
}

/// The token that ended the turn: the one that is named, the last one, or the only one that can.
fn end_of_turn(reason: Option<StopReason>, ids: &[u32], chat: Option<&Chat>) -> Finish {
    let only = match chat.map(Chat::end_of_turn_ids) {
        Some([only]) => Some(*only),
        _ => None,
    };
    let told = match reason {
        Some(StopReason::Token(id)) => Some(id),
        _ => ids.last().copied().or(only),
    };
    told.map_or(Finish::EndOfTurnUntold, Finish::EndOfTurn)
}

/// The text of ids as the local engine writes it: without special tokens, with thinking marks.
fn decode(chat: &Chat, ids: &[u32]) -> Option<String> {
    let mut stream = chat.stream_decoder();
    let mut text = String::new();
    for id in ids {
        text.push_str(&stream.push(*id).ok()?);
    }
    text.push_str(&stream.finish().ok()?);
    Some(text)
}

#[cfg(test)]
mod tests;
