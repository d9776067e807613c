//! A scripted engine, so that pipelines, tests and documentation run without weights.

use crate::Error;
use crate::generate::{Completion, Finish, Generate, Generated, Identity, Request, RequestError};
use crate::hash::ContentHash;

/// An engine whose answers are a function of the request.
///
/// ```
/// use thinksafe_core::generate::{Generate, Request};
/// use thinksafe_core::message::{Message, Prompt};
/// use thinksafe_core::{sampling::Sampling, seed::SampleSeed, testing::ScriptedGenerator};
///
/// let mut engine = ScriptedGenerator::new("echo", |request| Ok(format!("seed {}", request.seed.0)));
/// let prompt = Prompt::Messages(vec![Message::user("hello")]);
/// let request = Request::new(0, prompt, Sampling::default(), SampleSeed(7));
/// let mut texts = Vec::new();
/// engine.generate(&mut [request].into_iter(), &mut |completion| {
///     texts.push(completion.outcome.unwrap().text);
///     Ok(())
/// })?;
/// assert_eq!(texts, ["seed 7"]);
/// # Ok::<(), thinksafe_core::Error>(())
/// ```
pub struct ScriptedGenerator<F> {
    identity: Identity,
    answer: F,
}

impl<F> std::fmt::Debug for ScriptedGenerator<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScriptedGenerator")
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

impl<F: FnMut(&Request) -> Result<String, RequestError>> ScriptedGenerator<F> {
    /// An engine that answers each request with the text that `answer` returns for it.
    ///
    /// Each whitespace-separated word counts as a token whose id is its position. A text with more words than the
    /// request allows is cut after that many and finishes by length, as a model's would.
    pub fn new(name: &str, answer: F) -> Self {
        let hash = ContentHash::of("thinksafe.scripted", &name);
        let identity = Identity {
            engine: "scripted".to_owned(),
            model: name.to_owned(),
            weights: hash.clone(),
            template: hash,
            adapter: None,
        };
        Self { identity, answer }
    }
}

impl<F: FnMut(&Request) -> Result<String, RequestError>> Generate for ScriptedGenerator<F> {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn generate(
        &mut self,
        requests: &mut dyn Iterator<Item = Request>,
        sink: &mut dyn FnMut(Completion) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for request in requests {
            let outcome = (self.answer)(&request).map(|text| generated(&request, &text));
            sink(Completion::new(request.id, outcome))?;
        }
        Ok(())
    }
}

fn generated(request: &Request, text: &str) -> Generated {
    let limit = request.sampling.max_new_tokens as usize;
    let words: Vec<&str> = text.split_inclusive(char::is_whitespace).collect();
    let (text, finish) = if words.len() > limit {
        (words[..limit].concat(), Finish::Length)
    } else {
        (text.to_owned(), Finish::EndOfTurn(0))
    };
    Generated {
        opening: request.prefill.clone().unwrap_or_default(),
        ids: (0..words.len().min(limit) as u32).collect(),
        untold_tokens: 0,
        text,
        finish,
        prompt_tokens: 0,
        logprobs: None,
    }
}
