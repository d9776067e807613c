//! Log-probabilities in the forms that servers write them in.

use serde::Deserialize;
use thinksafe_chat::Chat;
use thinksafe_core::generate::{Logprobs, TokenLogprobs};

/// The two forms, of completions and of chats (llama.cpp uses the latter for both).
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Listed {
    /// Chats.
    Content {
        /// One entry a token.
        content: Vec<Position>,
    },
    /// Completions.
    Columns {
        /// The generated tokens'.
        token_logprobs: Vec<Option<f64>>,
        /// The most likely tokens', by their text.
        top_logprobs: Vec<Option<serde_json::Map<String, serde_json::Value>>>,
    },
}

#[derive(Debug, Deserialize)]
pub(crate) struct Position {
    logprob: f64,
    #[serde(default)]
    top_logprobs: Vec<Candidate>,
}

#[derive(Debug, Clone, Deserialize)]
struct Candidate {
    token: String,
    id: Option<u32>,
    logprob: f64,
}

/// What a request asked for of what is listed; the error names what is missing.
pub(crate) fn read(
    listed: Listed,
    asked: &Logprobs,
    chat: Option<&Chat>,
) -> Result<Vec<TokenLogprobs>, &'static str> {
    let positions = match listed {
        Listed::Content { content } => content,
        Listed::Columns { token_logprobs, top_logprobs } => columns(token_logprobs, top_logprobs)?,
    };
    positions.into_iter().map(|position| one(position, asked, chat)).collect()
}

fn columns(
    chosen: Vec<Option<f64>>,
    top: Vec<Option<serde_json::Map<String, serde_json::Value>>>,
) -> Result<Vec<Position>, &'static str> {
    if chosen.len() != top.len() {
        return Err("log-probabilities for each token");
    }
    let position = |(chosen, top): (Option<f64>, Option<serde_json::Map<_, _>>)| {
        let candidate = |(token, value): (String, serde_json::Value)| {
            Some(Candidate { token, id: None, logprob: value.as_f64()? })
        };
        let top_logprobs: Option<_> = top.unwrap_or_default().into_iter().map(candidate).collect();
        Some(Position { logprob: chosen?, top_logprobs: top_logprobs? })
    };
    let positions: Option<_> = chosen.into_iter().zip(top).map(position).collect();
    positions.ok_or("log-probabilities that are numbers")
}

fn one(
    position: Position,
    asked: &Logprobs,
    chat: Option<&Chat>,
) -> Result<TokenLogprobs, &'static str> {
    let mut candidates: Vec<Candidate> = position.top_logprobs.into_iter().map(with_id).collect();
    candidates.sort_by(|a, b| b.logprob.total_cmp(&a.logprob));
    let named = |name: &String| {
        let id = chat.and_then(|chat| chat.token_id(name));
        let is_it = |candidate: &&Candidate| match (candidate.id, id) {
            (Some(found), Some(id)) => found == id,
            _ => candidate.token == *name,
        };
        candidates.iter().find(is_it).map_or(f64::NAN, |found| found.logprob)
    };
    let of = asked.of.iter().map(named).collect();
    let likely = |candidate: &Candidate| {
        let id = candidate.id?;
        let text = match chat {
            Some(chat) => chat.decode(&[id]).ok()?,
            None => candidate.token.clone(),
        };
        Some((id, text, candidate.logprob))
    };
    let top: Option<_> = candidates.iter().take(asked.top as usize).map(likely).collect();
    Ok(TokenLogprobs {
        chosen: position.logprob,
        top: top.ok_or("ids of the most likely tokens")?,
        of,
    })
}

/// vLLM writes ids as texts where it is asked to.
fn with_id(candidate: Candidate) -> Candidate {
    let written = candidate.token.strip_prefix("token_id:").and_then(|id| id.parse().ok());
    Candidate { id: candidate.id.or(written), ..candidate }
}
