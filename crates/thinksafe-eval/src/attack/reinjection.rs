//! Thinking that is not allowed to end.

use thinksafe_core::Error;
use thinksafe_core::generate::{Completion, Finish, Generate, Generated, Identity, Request};
use thinksafe_core::hash::ContentHash;
use thinksafe_core::seed::{SampleSeed, Seed};
use thinksafe_core::trace::ThinkTags;

/// An engine whose model, when it ends its thinking, finds a text in its place and has to think on: so many times, then it
/// may end and answer (*MoreThink* of SafeChain with `Wait`; with harmful sentences, thought injection).
///
/// It is an engine itself, with an identity of its own, so that attacked and plain responses never share a record. The
/// token limit is over all rounds together. The ids of a completion are those of the last round; what was thought before
/// is in its opening. A response that ends, or is cut off, without closing its thinking is not interrupted.
#[derive(Debug)]
pub struct Reinjection<G> {
    engine: G,
    texts: Vec<String>,
    tags: ThinkTags,
    identity: Identity,
}

/// How many requests go through all rounds together.
const WAVE: usize = 256;

impl<G: Generate> Reinjection<G> {
    /// Interrupts once with each of the texts, in their order.
    pub fn new(engine: G, texts: Vec<String>, tags: ThinkTags) -> Self {
        let inner = engine.identity();
        let hash = ContentHash::of("thinksafe.reinjection", &(&texts, &tags));
        let name = format!("{} with {} reinjections {hash}", inner.engine, texts.len());
        let identity = Identity { engine: name, ..inner.clone() };
        Self { engine, texts, tags, identity }
    }

    /// Gives the engine back, for other work.
    pub fn into_engine(self) -> G {
        self.engine
    }

    /// Takes requests through all rounds.
    fn wave(
        &mut self,
        requests: Vec<Request>,
        sink: &mut dyn FnMut(Completion) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut thoughts: Vec<Thought> = requests.into_iter().map(Thought::new).collect();
        for round in 0..=self.texts.len() {
            let text = self.texts.get(round);
            let asked: Vec<Request> = thoughts
                .iter()
                .enumerate()
                .map(|(i, t)| t.ask(i, round, text.map(|_| &self.tags)))
                .collect();
            if asked.is_empty() {
                return Ok(());
            }
            let mut going_on = Vec::new();
            let (name, tags) = (&self.identity.engine, &self.tags);
            self.engine.generate(&mut asked.into_iter(), &mut |completion| {
                let Some(thought) = thoughts.get(completion.id as usize) else {
                    return Err(Error::engine(name, crate::sample::UnknownId(completion.id)));
                };
                let ended = text.and_then(|text| Some((text, closed(&completion, tags)?)));
                match ended {
                    Some((text, generated)) if thought.has_left(generated) => {
                        going_on.push(thought.interrupted(generated, text));
                        Ok(())
                    }
                    Some((_, generated)) => {
                        let cut = Generated { finish: Finish::Length, ..generated.clone() };
                        sink(Completion { id: thought.request.id, outcome: Ok(cut), ..completion })
                    }
                    None => sink(Completion { id: thought.request.id, ..completion }),
                }
            })?;
            thoughts = going_on;
        }
        Ok(())
    }
}

impl<G: Generate> Generate for Reinjection<G> {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn generate(
        &mut self,
        requests: &mut dyn Iterator<Item = Request>,
        sink: &mut dyn FnMut(Completion) -> Result<(), Error>,
    ) -> Result<(), Error> {
        loop {
            let wave: Vec<Request> = requests.take(WAVE).collect();
            if wave.is_empty() {
                return Ok(());
            }
            self.wave(wave, sink)?;
        }
    }
}

/// A request under way.
struct Thought {
    request: Request,
    /// What the turn begins with in the next round.
    prefill: Option<String>,
    /// How many tokens are left.
    left: u32,
}

impl Thought {
    fn new(request: Request) -> Self {
        let (prefill, left) = (request.prefill.clone(), request.sampling.max_new_tokens);
        Self { request, prefill, left }
    }

    /// The request of a round; with marks, it ends where the thinking does.
    fn ask(&self, index: usize, round: usize, stop_at: Option<&ThinkTags>) -> Request {
        let mut request =
            Request { id: index as u64, prefill: self.prefill.clone(), ..self.request.clone() };
        request.seed = match round {
            0 => request.seed,
            // Another round has other draws.
            _ => SampleSeed(Seed(request.seed.0).purpose(&format!("reinjection {round}")).0),
        };
        request.sampling.max_new_tokens = self.left;
        request.sampling.stop.extend(stop_at.map(|tags| tags.close.clone()));
        request
    }

    /// Whether tokens are left for another round.
    fn has_left(&self, generated: &Generated) -> bool {
        (generated.ids.len() as u32) < self.left
    }

    /// The same with its thinking gone on by a text.
    fn interrupted(&self, generated: &Generated, text: &str) -> Self {
        let before = self.prefill.as_deref().unwrap_or_default();
        Self {
            request: self.request.clone(),
            prefill: Some(format!("{before}{}{text}", generated.text)),
            left: self.left - generated.ids.len() as u32,
        }
    }
}

/// What was written, if it ended by closing the thinking.
fn closed<'c>(completion: &'c Completion, tags: &ThinkTags) -> Option<&'c Generated> {
    let generated = completion.outcome.as_ref().ok()?;
    (generated.finish == Finish::StopText(tags.close.clone())).then_some(generated)
}
