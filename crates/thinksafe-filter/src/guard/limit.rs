//! Exchanges that are too long for a guard.

use thinksafe_core::Error;
use thinksafe_core::generate::Request;
use thinksafe_core::judge::Exchange;
use thinksafe_core::message::Prompt;
use thinksafe_core::tokens::Tokens;
use thinksafe_core::verdict::{Cut, Keep};

/// How long a guard's prompt may be, in its tokens, and what gives way.
///
/// The response gives way, never the request and never what the guard is asked about them; each verdict on a response
/// that was cut says so ([`Cut`]). Without a limit, what exceeds the guard's context is undetermined.
///
/// Tokens are counted by the guard's own tokenizer, wherever its model runs: `thinksafe_chat::Chat` counts.
pub struct InputLimit {
    tokens: Box<dyn Tokens + Send>,
    max: usize,
    overlong: Overlong,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Overlong {
    CutResponse(Keep),
    CutPrompt,
}

impl std::fmt::Debug for InputLimit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InputLimit")
            .field("max", &self.max)
            .field("overlong", &self.overlong)
            .finish_non_exhaustive()
    }
}

impl InputLimit {
    /// Prompts of at most `max` tokens, prefill included: the guard's context less what it generates. Of a response that does
    /// not fit, `keep` says what is kept; between two kept ends stands a line `[...]`.
    pub fn new(tokens: impl Tokens + Send + 'static, max: usize, keep: Keep) -> Self {
        Self { tokens: Box::new(tokens), max, overlong: Overlong::CutResponse(keep) }
    }

    /// The reference's way (method notes 1.5, item 11): the end of the prompt is cut off, and with it the question to the
    /// guard. The verdict's [`Cut`] then counts the whole prompt's tokens. For measuring what that does.
    pub fn reference(tokens: impl Tokens + Send + 'static, max: usize) -> Self {
        Self { tokens: Box::new(tokens), max, overlong: Overlong::CutPrompt }
    }

    /// What decides the ids of a request beside the exchange, for a guard's identity.
    pub(super) fn identity(&self) -> impl serde::Serialize + use<> {
        let keep = match self.overlong {
            Overlong::CutResponse(keep) => Some(keep),
            Overlong::CutPrompt => None,
        };
        (self.tokens.hash(), self.max, keep)
    }

    /// The request about an exchange, made to fit.
    pub(super) fn fit(
        &self,
        exchange: &Exchange,
        ask: impl Fn(&Exchange) -> Request,
    ) -> Result<Fitted, Unfit> {
        let request = ask(exchange);
        let ids = self.ids(&request)?;
        if ids.len() <= self.max {
            return Ok(Fitted { request, cut: None });
        }
        match self.overlong {
            Overlong::CutResponse(keep) => self.cut_response(exchange, keep, ids.len(), ask),
            Overlong::CutPrompt => {
                let cut = Some(cut(Keep::Head, self.max, ids.len()));
                let prompt = Prompt::Ids(ids[..self.max].to_vec());
                Ok(Fitted { request: Request { prompt, prefill: None, ..request }, cut })
            }
        }
    }

    fn cut_response(
        &self,
        exchange: &Exchange,
        keep: Keep,
        mut total: usize,
        ask: impl Fn(&Exchange) -> Request,
    ) -> Result<Fitted, Unfit> {
        let starts = self.tokens.token_starts(&exchange.response)?;
        let mut seen = starts.len();
        // Tokens may join where a text is cut or meets the template: the count of the whole decides.
        while total > self.max {
            if seen == 0 {
                return Err(Unfit::TooLong { tokens: total, max: self.max });
            }
            seen = seen.saturating_sub(total - self.max);
            let response = kept(&exchange.response, &starts, seen, keep);
            let request = ask(&Exchange { response, ..exchange.clone() });
            total = self.ids(&request)?.len();
            if total <= self.max && seen > 0 {
                return Ok(Fitted { request, cut: Some(cut(keep, seen, starts.len())) });
            }
        }
        Err(Unfit::TooLong { tokens: total, max: self.max })
    }

    fn ids(&self, request: &Request) -> Result<Vec<u32>, Error> {
        self.tokens.prompt_ids(&request.prompt, request.prefill.as_deref())
    }
}

/// A request that fits, and what its prompt lacks.
#[derive(Debug)]
pub(super) struct Fitted {
    pub(super) request: Request,
    pub(super) cut: Option<Cut>,
}

/// Why there is no request about an exchange.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unfit {
    #[error("without its response the prompt has {tokens} tokens, the limit is {max}")]
    TooLong { tokens: usize, max: usize },
    #[error("the prompt cannot be encoded: {}", causes(.0))]
    Encoding(#[from] Error),
}

fn causes(error: &Error) -> String {
    let source = std::error::Error::source(error);
    source.map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

fn cut(kept: Keep, seen: usize, of: usize) -> Cut {
    Cut { kept, seen: seen as u64, of: of as u64 }
}

/// `seen` tokens of a text whose tokens begin at `starts`.
fn kept(text: &str, starts: &[usize], seen: usize, keep: Keep) -> String {
    let at =
        |token: usize| text.floor_char_boundary(starts.get(token).copied().unwrap_or(text.len()));
    let tail = |tokens: usize| &text[at(starts.len() - tokens)..];
    match keep {
        Keep::Head => text[..at(seen)].to_owned(),
        Keep::Tail => tail(seen).to_owned(),
        Keep::Ends => format!("{}{GAP}{}", &text[..at(seen.div_ceil(2))], tail(seen / 2)),
    }
}

/// Between two ends that were not next to each other.
const GAP: &str = "\n[...]\n";

#[cfg(test)]
mod tests;
