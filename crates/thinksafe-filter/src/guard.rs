//! Guards: models that are asked whether a response is safe.

mod llama_guard;
mod token_vote;
mod wildguard;

use thinksafe_core::Error;
use thinksafe_core::generate::{Generate, Generated, Request};
use thinksafe_core::hash::ContentHash;
use thinksafe_core::judge::{Exchange, Judge, JudgeIdentity, Judgement};
use thinksafe_core::verdict::Verdict;

pub use llama_guard::{LlamaGuard3, LlamaGuardReading, parse_llama_guard};
pub use token_vote::TokenVote;
pub use wildguard::{WildGuard, parse_wildguard};

/// How one kind of guard is asked and read: its prompt, its decoding rule, its parser.
///
/// A new guard is a new implementation; [`TokenVote`] serves every guard that answers with one of two tokens.
pub trait GuardFormat {
    /// The guard's name, and the hash of everything here that decides a verdict: prompt, decoding, parser, thresholds.
    fn identity(&self) -> JudgeIdentity;

    /// What the guard model is asked about an exchange; the request carries the exchange's id.
    fn request(&self, exchange: &Exchange) -> Request;

    /// The verdict in what the guard model wrote. What cannot be read is undetermined.
    fn read(&self, generated: &Generated) -> Verdict;
}

/// A guard format on an engine that runs the guard's model.
#[derive(Debug)]
pub struct Guard<G, F> {
    generator: G,
    format: F,
    identity: JudgeIdentity,
}

impl<G: Generate, F: GuardFormat> Guard<G, F> {
    /// A judge that asks `generator` in the given format.
    pub fn new(generator: G, format: F) -> Self {
        let JudgeIdentity { name, hash } = format.identity();
        let hash = ContentHash::of("thinksafe.guard", &(hash, generator.identity().hash()));
        Self { generator, format, identity: JudgeIdentity { name, hash } }
    }

    /// Gives the engine back.
    pub fn into_generator(self) -> G {
        self.generator
    }
}

impl<G: Generate, F: GuardFormat> Judge for Guard<G, F> {
    fn identity(&self) -> &JudgeIdentity {
        &self.identity
    }

    fn judge(
        &mut self,
        exchanges: &mut dyn Iterator<Item = Exchange>,
        sink: &mut dyn FnMut(Judgement) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let format = &self.format;
        let mut requests = exchanges.map(|exchange| format.request(&exchange));
        self.generator.generate(&mut requests, &mut |completion| {
            let verdict = match completion.outcome {
                Ok(generated) => format.read(&generated),
                Err(error) => Verdict::undetermined(error.to_string()),
            };
            sink(Judgement { id: completion.id, verdict })
        })
    }
}

/// An undetermined verdict that quotes the beginning of the guard's words.
fn unreadable(text: &str) -> Verdict {
    let quoted: String = text.chars().take(80).collect();
    Verdict::undetermined(format!("unreadable guard output {quoted:?}"))
}

#[cfg(test)]
mod tests;
