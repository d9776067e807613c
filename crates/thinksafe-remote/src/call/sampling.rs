//! Sampling settings in the words of each server.

use serde_json::{Map, Value, json};
use thinksafe_chat::Chat;
use thinksafe_core::generate::RequestError;
use thinksafe_core::sampling::Sampling;
use thinksafe_core::seed::SampleSeed;

use super::Writer;
use crate::dialect::Dialect;

impl Writer {
    /// Every setting is sent, also those that are off: a server has defaults of its own, and a checkpoint more of them.
    pub(super) fn sampling(
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
            Dialect::Vllm | Dialect::Sglang => self.vllm(&sampling, seed, stops),
            Dialect::LlamaCpp => self.llama_cpp(&sampling, seed)?,
            Dialect::Transformers => self.transformers(&sampling, seed, stops)?,
            Dialect::OpenAi => self.open_ai(&sampling, seed)?,
        };
        if let Value::Object(fields) = fields {
            body.extend(fields);
        }
        Ok(())
    }

    /// SGLang has taken over vLLM's fields, but for the ids in the answer.
    fn vllm(&self, sampling: &Sampling, seed: SampleSeed, stops: &[u32]) -> Value {
        let mut fields = json!({
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
        });
        if self.dialect == Dialect::Vllm {
            fields["return_token_ids"] = json!(true);
        }
        fields
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
