//! A request as the bytes that a server is sent.

use serde_json::{Map, Value, json};
use thinksafe_chat::{Chat, Framing, SpecialTokens};
use thinksafe_core::generate::{AdapterChoice, Logprobs, Request, RequestError};
use thinksafe_core::message::{Message, Prompt, Role};
use thinksafe_core::sampling::Sampling;
use thinksafe_core::seed::SampleSeed;

use crate::dialect::{Dialect, LogprobsOf};
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

    /// Every setting is sent, also those that are off: a server has defaults of its own, and a checkpoint more of them.
    fn sampling(
        &self,
        sampling: &Sampling,
        seed: SampleSeed,
        body: &mut Map<String, Value>,
    ) -> Result<(), RequestError> {
        let sampling = plain(sampling);
        if self.dialect.shares_seed() && self.in_flight > 1 && !sampling.is_greedy() {
            return Err(self.lacks("sampling with a seed while other requests are in flight"));
        }
        if !sampling.stop.is_empty() {
            if !self.dialect.tells_stop() {
                return Err(self.lacks("stop texts"));
            }
            body.insert("stop".to_owned(), json!(sampling.stop));
        }
        let stops = self.rendering.chat().map(Chat::end_of_turn_ids).unwrap_or_default();
        let fields = match self.dialect {
            Dialect::Vllm => json!({
                "max_tokens": sampling.max_new_tokens,
                "temperature": sampling.temperature,
                "top_p": sampling.top_p,
                "top_k": if sampling.top_k == 0 { -1 } else { i64::from(sampling.top_k) },
                "min_p": sampling.min_p,
                "repetition_penalty": sampling.repetition_penalty,
                "presence_penalty": sampling.presence_penalty,
                "frequency_penalty": 0.0,
                "seed": seed.0 >> 1,
                "stop_token_ids": stops,
                "return_token_ids": true,
            }),
            Dialect::Sglang => json!({
                "max_tokens": sampling.max_new_tokens,
                "temperature": sampling.temperature,
                "top_p": sampling.top_p,
                "top_k": if sampling.top_k == 0 { -1 } else { i64::from(sampling.top_k) },
                "min_p": sampling.min_p,
                "repetition_penalty": sampling.repetition_penalty,
                "presence_penalty": sampling.presence_penalty,
                "frequency_penalty": 0.0,
                "seed": seed.0 >> 1,
                "stop_token_ids": stops,
            }),
            Dialect::LlamaCpp => self.llama_cpp(&sampling, seed)?,
            Dialect::Transformers => self.transformers(&sampling, seed, stops)?,
            Dialect::OpenAi => self.open_ai(&sampling, seed)?,
        };
        if let Value::Object(fields) = fields {
            body.extend(fields);
        }
        Ok(())
    }

    fn llama_cpp(&self, sampling: &Sampling, seed: SampleSeed) -> Result<Value, RequestError> {
        if sampling.presence_penalty != 0.0 {
            return Err(self.lacks("presence_penalty, which counts the prompt's tokens too"));
        }
        Ok(json!({
            "max_tokens": sampling.max_new_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": sampling.top_k,
            "min_p": sampling.min_p,
            "typical_p": 1.0,
            "repeat_penalty": sampling.repetition_penalty,
            "repeat_last_n": -1,
            "presence_penalty": 0.0,
            "frequency_penalty": 0.0,
            "samplers": ["penalties", "temperature", "top_k", "top_p", "min_p"],
            // 32 bits, and all ones mean a random seed.
            "seed": seed.0 >> 33,
        }))
    }

    /// Settings that have no field of their own go in as a generation configuration, which replaces the checkpoint's.
    fn transformers(
        &self,
        sampling: &Sampling,
        seed: SampleSeed,
        stops: &[u32],
    ) -> Result<Value, RequestError> {
        if sampling.presence_penalty != 0.0 {
            return Err(self.lacks("presence_penalty"));
        }
        let mut config = json!({
            "max_new_tokens": sampling.max_new_tokens,
            "do_sample": !sampling.is_greedy(),
            "repetition_penalty": sampling.repetition_penalty,
        });
        if !sampling.is_greedy() {
            config["temperature"] = json!(sampling.temperature);
            config["top_p"] = json!(sampling.top_p);
            config["top_k"] = json!(sampling.top_k);
            config["min_p"] = json!(sampling.min_p);
        }
        if let Some(chat) = self.rendering.chat() {
            config["eos_token_id"] = json!(stops);
            config["pad_token_id"] = json!(chat.pad_id());
        }
        Ok(json!({ "generation_config": config.to_string(), "seed": seed.0 >> 1 }))
    }

    fn open_ai(&self, sampling: &Sampling, seed: SampleSeed) -> Result<Value, RequestError> {
        let lacking = [
            ("top_k", sampling.top_k != 0),
            ("min_p", sampling.min_p != 0.0),
            ("repetition_penalty", sampling.repetition_penalty != 1.0),
        ];
        if let Some((field, _)) = lacking.iter().find(|(_, asked)| *asked) {
            return Err(self.lacks(field));
        }
        let limit = if self.chat() { "max_completion_tokens" } else { "max_tokens" };
        Ok(json!({
            limit: sampling.max_new_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "presence_penalty": sampling.presence_penalty,
            "seed": seed.0 >> 1,
        }))
    }

    fn logprobs(
        &self,
        request: &Request,
        body: &mut Map<String, Value>,
    ) -> Result<(), RequestError> {
        let Some(asked) = &request.logprobs else { return Ok(()) };
        match self.dialect.logprobs() {
            LogprobsOf::Nothing => return Err(self.lacks("log-probabilities")),
            LogprobsOf::Sampler if distorts(&request.sampling) => {
                return Err(self.lacks("the model's own log-probabilities under this sampling"));
            }
            LogprobsOf::Sampler | LogprobsOf::Model => {}
        }
        let tokenized_here = self.rendering.chat().is_some();
        let gives_ids =
            self.dialect == Dialect::LlamaCpp || (self.dialect == Dialect::Vllm && tokenized_here);
        if asked.top > 0 && !gives_ids {
            return Err(self.lacks("the ids of the most likely tokens"));
        }
        if let Some(chat) = self.rendering.chat() {
            let unknown = asked.of.iter().find(|name| chat.token_id(name).is_none());
            if let Some(name) = unknown {
                return Err(RequestError::Invalid {
                    reason: format!("`{name}` is not a single token"),
                });
            }
        }
        let most = self.most_logprobs.unwrap_or_else(|| self.dialect.most_logprobs(self.chat()));
        if asked.top > most {
            return Err(self.lacks(&format!("more than {most} most likely tokens")));
        }
        // A token asked for by name is found among the most likely, or not at all.
        let count = if asked.of.is_empty() { asked.top.max(1) } else { most };
        if self.chat() {
            body.insert("logprobs".to_owned(), json!(true));
            body.insert("top_logprobs".to_owned(), json!(count));
        } else {
            body.insert("logprobs".to_owned(), json!(count));
        }
        if self.dialect == Dialect::Vllm && tokenized_here {
            body.insert("return_tokens_as_token_ids".to_owned(), json!(true));
        }
        Ok(())
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

/// The sampling without the settings that have no effect when the choice is greedy.
fn plain(sampling: &Sampling) -> Sampling {
    let sampling = sampling.clone();
    if sampling.is_greedy() {
        Sampling { top_p: 1.0, top_k: 0, min_p: 0.0, ..sampling }
    } else {
        sampling
    }
}

/// Whether tokens are drawn from another distribution than the model's.
fn distorts(sampling: &Sampling) -> bool {
    let penalty = sampling.repetition_penalty != 1.0 || sampling.presence_penalty != 0.0;
    let cut = sampling.top_p < 1.0 || sampling.top_k > 0 || sampling.min_p > 0.0;
    penalty || (!sampling.is_greedy() && (sampling.temperature != 1.0 || cut))
}

/// An error's message followed by those of its causes.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

const PROBE: &str = "Hello";

#[cfg(test)]
mod tests;
