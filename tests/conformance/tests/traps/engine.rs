//! The miniature's guard behind the Generate seam: one token a request.

use std::path::PathBuf;

use thinksafe_chat::Chat;
use thinksafe_core::Error;
use thinksafe_core::generate::{
    Completion, Finish, Generate, Generated, Identity, Logprobs, Request, TokenLogprobs,
};
use thinksafe_core::hash::ContentHash;

use crate::model::Model;

pub(crate) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../crates/thinksafe-mini/data/guard")
}

pub(crate) struct Miniature {
    chat: Chat,
    model: Model,
    identity: Identity,
}

impl Miniature {
    pub(crate) fn load() -> Self {
        let hash = ContentHash::of_bytes("miniature");
        let identity = Identity {
            engine: "test".to_owned(),
            model: "miniature guard".to_owned(),
            weights: hash.clone(),
            template: hash,
            adapter: None,
        };
        let model = Model::load(&folder().join("model.safetensors"));
        Self { chat: Chat::load(folder()).unwrap(), model, identity }
    }

    fn complete(&self, request: &Request) -> Generated {
        let prompt = self.chat.encode_prompt(&request.prompt, request.prefill.as_deref()).unwrap();
        let logprobs = log_softmax(&self.model.logits(&prompt.ids));
        let mut order: Vec<u32> = (0..logprobs.len() as u32).collect();
        order.sort_by(|a, b| logprobs[*b as usize].total_cmp(&logprobs[*a as usize]));
        Generated {
            opening: prompt.opening,
            text: self.chat.decode(&order[..1]).unwrap(),
            ids: order[..1].to_vec(),
            finish: Finish::Length,
            prompt_tokens: prompt.ids.len() as u32,
            logprobs: request
                .logprobs
                .as_ref()
                .map(|asked| vec![self.asked(asked, &order, &logprobs)]),
        }
    }

    fn asked(&self, asked: &Logprobs, order: &[u32], logprobs: &[f64]) -> TokenLogprobs {
        let of = |id: u32| logprobs[id as usize];
        let top = order.iter().take(asked.top as usize);
        TokenLogprobs {
            chosen: of(order[0]),
            top: top.map(|id| (*id, self.chat.decode(&[*id]).unwrap(), of(*id))).collect(),
            of: asked.of.iter().map(|text| of(self.chat.token_id(text).unwrap())).collect(),
        }
    }
}

impl Generate for Miniature {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn generate(
        &mut self,
        requests: &mut dyn Iterator<Item = Request>,
        sink: &mut dyn FnMut(Completion) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for request in requests {
            sink(Completion::new(request.id, Ok(self.complete(&request))))?;
        }
        Ok(())
    }
}

fn log_softmax(logits: &[f32]) -> Vec<f64> {
    let most = logits.iter().copied().fold(f32::MIN, f32::max);
    let sum: f64 = logits.iter().map(|x| f64::from(x - most).exp()).sum();
    logits.iter().map(|x| f64::from(x - most) - sum.ln()).collect()
}
