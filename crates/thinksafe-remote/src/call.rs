//! A request as the bytes that a server is sent.

mod logprobs;
mod sampling;

use serde_json::{Map, Value, json};
use thinksafe_chat::{Chat, Framing, SpecialTokens};
use thinksafe_core::generate::{AdapterChoice, Logprobs, Request, RequestError};
use thinksafe_core::message::{Message, Prompt, Role};
use thinksafe_core::sampling::Sampling;

use crate::dialect::Dialect;
use crate::server::Rendering;

/// What decides how requests are written: everything but the request.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) dialect: Dialect,
    pub(crate) model: String,
    pub(crate) rendering: Rendering,
    /// The most likely tokens that can be had, if the caller says so.
    pub(crate) most_logprobs: Option<u32>,
    pub(crate) in_flight: usize,
}

/// A request that can be sent, and what its answer is read with.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) id: u64,
    /// Tells the waits of requests apart.
    pub(crate) key: u64,
    /// The address's last part.
    pub(crate) path: &'static str,
    pub(crate) body: Vec<u8>,
    pub(crate) expected: Expected,
}

/// What is known of an answer before it comes.
#[derive(Debug, Clone)]
pub(crate) struct Expected {
    pub(crate) opening: String,
    /// Tokens of the prompt, if they were counted here.
    pub(crate) prompt_tokens: Option<usize>,
    pub(crate) stop: Vec<String>,
    pub(crate) logprobs: Option<Logprobs>,
}

impl Writer {
    /// Writes a request; `context` is how many tokens the server's model holds, as far as it says.
    ///
    /// # Errors
    /// Why the request cannot be served.
    pub(crate) fn call(
        &self,
        request: &Request,
        context: Option<usize>,
    ) -> Result<Call, RequestError> {
        let invalid = |reason: String| RequestError::Invalid { reason };
        request.sampling.validate().map_err(|error| invalid(error.to_string()))?;
        if request.adapter != AdapterChoice::Model {
            return Err(self.lacks(
                "adapters that a request chooses (name the adapter as the server's model)",
            ));
        }
        let mut body = Map::new();
        body.insert("model".to_owned(), json!(self.model));
        let mut sampling = request.sampling.clone();
        let placed = match &self.rendering {
            Rendering::Here(chat) => self.prompt(chat, request, &mut body)?,
            Rendering::Server { opening } => self.messages(opening, request, &mut body)?,
        };
        if let (Some(tokens), Some(limit)) = (placed.tokens, context) {
            if tokens >= limit {
                return Err(RequestError::PromptTooLong { tokens, limit });
            }
            // Beyond the context nothing can be generated: what is left ends as it does here, by its length.
            sampling.max_new_tokens = sampling.max_new_tokens.min((limit - tokens) as u32);
        }
        self.sampling(&sampling, request.seed, &mut body)?;
        self.logprobs(request, &mut body)?;
        Ok(Call {
            id: request.id,
            key: request.seed.0 ^ request.id,
            path: if self.chat() { "chat/completions" } else { "completions" },
            body: Value::Object(body).to_string().into_bytes(),
            expected: Expected {
                opening: placed.opening,
                prompt_tokens: placed.tokens,
                stop: request.sampling.stop.clone(),
                logprobs: request.logprobs.clone(),
            },
        })
    }

    /// A request like `request` that asks for one token after a harmless prompt, to see whether a server takes it.
    pub(crate) fn probe(&self, request: &Request) -> Result<Call, RequestError> {
        let prompt = match &self.rendering {
            Rendering::Here(_) => {
                Prompt::Parts(vec![thinksafe_core::message::Part::Text(PROBE.to_owned())])
            }
            Rendering::Server { .. } => Prompt::Messages(vec![Message::user(PROBE)]),
        };
        let sampling = Sampling { max_new_tokens: 1, ..request.sampling.clone() };
        // Which tokens are likely after it is nothing to insist on.
        let logprobs =
            request.logprobs.as_ref().map(|asked| Logprobs { of: Vec::new(), ..asked.clone() });
        self.call(&Request { prompt, sampling, logprobs, ..request.clone() }, None)
    }

    fn chat(&self) -> bool {
        matches!(self.rendering, Rendering::Server { .. })
    }

    fn lacks(&self, feature: &str) -> RequestError {
        RequestError::Unsupported { feature: format!("{feature} with {} servers", self.dialect) }
    }

    fn prompt(
        &self,
        chat: &Chat,
        request: &Request,
        body: &mut Map<String, Value>,
    ) -> Result<Placed, RequestError> {
        let template =
            |error: thinksafe_chat::Error| RequestError::Template { reason: with_causes(&error) };
        let prompt =
            chat.encode_prompt(&request.prompt, request.prefill.as_deref()).map_err(template)?;
        if prompt.ids.is_empty() {
            return Err(RequestError::Invalid { reason: "the prompt is empty".to_owned() });
        }
        let sent = if self.dialect.takes_ids() {
            json!(prompt.ids)
        } else {
            let text = text_of(chat, &prompt.ids).map_err(template)?;
            json!(text.ok_or_else(|| {
                self.lacks("prompts whose text would be read as other tokens than these")
            })?)
        };
        body.insert("prompt".to_owned(), sent);
        Ok(Placed { opening: prompt.opening, tokens: Some(prompt.ids.len()) })
    }

    fn messages(
        &self,
        opening: &str,
        request: &Request,
        body: &mut Map<String, Value>,
    ) -> Result<Placed, RequestError> {
        let Prompt::Messages(messages) = &request.prompt else {
            return Err(self.lacks("prompts other than messages, unless they are tokenized here,"));
        };
        let continued = messages.last().is_some_and(|last| last.role == Role::Assistant);
        if continued && self.dialect == Dialect::LlamaCpp {
            return Err(self.lacks("conversations that end with the assistant's message, unless they are tokenized here,"));
        }
        let prefill = request.prefill.as_deref().filter(|prefill| !prefill.is_empty());
        let mut messages = messages.clone();
        let mut opening = opening.to_owned();
        if let Some(prefill) = prefill {
            if !matches!(self.dialect, Dialect::LlamaCpp | Dialect::Sglang | Dialect::Vllm) {
                return Err(self.lacks("prefill, unless the prompt is tokenized here,"));
            }
            messages.push(Message::assistant(prefill));
            if self.dialect == Dialect::Sglang {
                opening.push_str(prefill);
            } else {
                // The template writes the turn's beginning as that of a finished message.
                prefill.clone_into(&mut opening);
            }
        }
        body.insert("messages".to_owned(), json!(messages));
        match self.dialect {
            Dialect::Vllm if prefill.is_some() => {
                body.insert("add_generation_prompt".to_owned(), json!(false));
                body.insert("continue_final_message".to_owned(), json!(true));
            }
            Dialect::Sglang => {
                body.insert("continue_final_message".to_owned(), json!(prefill.is_some()));
                body.insert("separate_reasoning".to_owned(), json!(false));
            }
            Dialect::LlamaCpp => {
                body.insert("reasoning_format".to_owned(), json!("none"));
            }
            _ => {}
        }
        Ok(Placed { opening, tokens: None })
    }
}

/// Where a prompt went.
struct Placed {
    opening: String,
    tokens: Option<usize>,
}

/// The text that the tokenizer reads as exactly these ids, its own beginning of a text included; `None` if there is none.
fn text_of(chat: &Chat, ids: &[u32]) -> Result<Option<String>, thinksafe_chat::Error> {
    let tokenizer = chat.tokenizer();
    let whole = tokenizer.decode(ids, SpecialTokens::Keep)?;
    // A tokenizer that begins each text with BOS does so there too.
    let behind_first = match ids.first() {
        Some(first) if chat.bos_id() == Some(*first) => {
            tokenizer.decode(&ids[1..], SpecialTokens::Keep)?
        }
        _ => whole.clone(),
    };
    for text in [whole, behind_first] {
        if tokenizer.encode(&text, Framing::Special)? == ids {
            return Ok(Some(text));
        }
    }
    Ok(None)
}

/// An error's message followed by those of its causes.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

const PROBE: &str = "Hello";

#[cfg(test)]
mod tests;
