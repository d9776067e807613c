//! Which log-probabilities a server is asked for.

use serde_json::{Map, Value, json};
use thinksafe_core::generate::{Request, RequestError};
use thinksafe_core::sampling::Sampling;

use super::Writer;
use crate::dialect::{Dialect, LogprobsOf};

impl Writer {
    pub(super) fn logprobs(
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

/// Whether tokens are drawn from another distribution than the model's.
fn distorts(sampling: &Sampling) -> bool {
    let penalty = sampling.repetition_penalty != 1.0 || sampling.presence_penalty != 0.0;
    let cut = sampling.top_p < 1.0 || sampling.top_k > 0 || sampling.min_p > 0.0;
    penalty || (!sampling.is_greedy() && (sampling.temperature != 1.0 || cut))
}
