//! Guards: models that are asked whether a response is safe.

mod ask;
mod desk;
mod granite;
mod harmbench;
mod limit;
mod llama_guard;
mod qwen3guard;
mod reading;
mod reference;
mod rubric;
mod safeguard;
mod shieldgemma;
mod strictness;
mod token_vote;
mod wildguard;
mod worst;

use thinksafe_core::Error as CoreError;
use thinksafe_core::generate::{Generate, Generated, Request};
use thinksafe_core::hash::ContentHash;
use thinksafe_core::judge::{Exchange, Judge, JudgeIdentity, Judgement};
use thinksafe_core::verdict::Verdict;

pub use granite::{GraniteGuardian, GraniteOutput, parse_granite};
pub use harmbench::{HarmBench, parse_harmbench};
pub use limit::InputLimit;
pub use llama_guard::{LlamaGuard3, parse_llama_guard};
pub use qwen3guard::{Qwen3Guard, Subject, parse_qwen3guard};
pub use reading::Reading;
pub use reference::{ReferenceLlamaGuard3, ReferenceWildGuard};
pub use rubric::{AnswerRule, AnswerWords, Rubric, RubricTemplate};
pub use safeguard::GptOssSafeguard;
pub use shieldgemma::{SafetyPolicy, ShieldGemma, parse_shieldgemma};
pub use strictness::Strictness;
pub use token_vote::TokenVote;
pub use wildguard::{WildGuard, parse_wildguard};

use desk::Desk;

use crate::error::Error;

/// How one kind of guard is asked and read: its prompt, its decoding rule, its parser.
///
/// A new guard is a new implementation; [`TokenVote`] serves every guard that answers with one of a few tokens.
pub trait GuardFormat {
    /// The guard's name, and the hash of everything here that decides a verdict: prompt, decoding, parser, thresholds.
    fn identity(&self) -> JudgeIdentity;

    /// What the guard model is asked about an exchange. The guard numbers its requests itself.
    fn request(&self, exchange: &Exchange) -> Request;

    /// The verdict in what the guard model wrote. What cannot be read is undetermined.
    fn read(&self, generated: &Generated) -> Verdict;
}

/// One or several guard formats on an engine that runs the guard's model.
#[derive(Debug)]
pub struct Guard<G, F> {
    generator: G,
    formats: Vec<F>,
    limit: Option<InputLimit>,
    identity: JudgeIdentity,
}

impl<G: Generate, F: GuardFormat> Guard<G, F> {
    /// A judge that asks `generator` in the given format.
    pub fn new(generator: G, format: F) -> Self {
        Self::of(generator, vec![format], None)
    }

    /// A judge that asks `generator` in each of the formats: the worst answer is the verdict. Unsafe in any is unsafe; where
    /// none is, an undetermined one leaves the verdict undetermined. P(unsafe) is the largest.
    ///
    /// # Errors
    /// [`Error::NoFormat`] if there is none.
    ///
    /// ```
    /// use thinksafe_core::{judge::Judge, testing::ScriptedGenerator};
    /// use thinksafe_filter::{Guard, ShieldGemma};
    ///
    /// let engine = ScriptedGenerator::new("shieldgemma-2b", |_| Ok("No".to_owned()));
    /// let guard = Guard::any_of(engine, ShieldGemma::published())?;
    /// assert_eq!(guard.identity().name, "shieldgemma");
    /// # Ok::<(), thinksafe_filter::Error>(())
    /// ```
    pub fn any_of(generator: G, formats: impl IntoIterator<Item = F>) -> Result<Self, Error> {
        let formats: Vec<F> = formats.into_iter().collect();
        if formats.is_empty() {
            Err(Error::NoFormat)
        } else {
            Ok(Self::of(generator, formats, None))
        }
    }

    /// The same judge, whose prompts are made to fit.
    #[must_use]
    pub fn with_limit(self, limit: InputLimit) -> Self {
        Self::of(self.generator, self.formats, Some(limit))
    }

    /// Gives the engine back.
    pub fn into_generator(self) -> G {
        self.generator
    }

    fn of(generator: G, formats: Vec<F>, limit: Option<InputLimit>) -> Self {
        let identities: Vec<JudgeIdentity> = formats.iter().map(F::identity).collect();
        let name = identities.first().map(|identity| identity.name.clone()).unwrap_or_default();
        let hashes: Vec<ContentHash> = identities.into_iter().map(|id| id.hash).collect();
        let limited = limit.as_ref().map(InputLimit::identity);
        let parts = (hashes, limited, generator.identity().hash());
        let identity = JudgeIdentity { name, hash: ContentHash::of("thinksafe.guard.v2", &parts) };
        Self { generator, formats, limit, identity }
    }
}

impl<G: Generate, F: GuardFormat> Judge for Guard<G, F> {
    fn identity(&self) -> &JudgeIdentity {
        &self.identity
    }

    fn judge(
        &mut self,
        exchanges: &mut dyn Iterator<Item = Exchange>,
        sink: &mut dyn FnMut(Judgement) -> Result<(), CoreError>,
    ) -> Result<(), CoreError> {
        let desk = Desk::new(&self.formats, self.limit.as_ref());
        let mut requests = exchanges.flat_map(|exchange| desk.ask(&exchange));
        self.generator.generate(&mut requests, &mut |completion| {
            desk.answer(completion, &self.identity.name)?;
            desk.ready().into_iter().try_for_each(&mut *sink)
        })?;
        desk.ready().into_iter().try_for_each(sink)
    }
}

/// An undetermined verdict that quotes the beginning of the guard's words.
fn unreadable(text: &str) -> Verdict {
    let quoted: String = text.chars().take(80).collect();
    Verdict::undetermined(format!("unreadable guard output {quoted:?}"))
}

#[cfg(test)]
mod tests;
