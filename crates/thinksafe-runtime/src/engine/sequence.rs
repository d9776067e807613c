//! One request while it is served.

use thinksafe_chat::{Chat, StreamDecoder};
use thinksafe_core::generate::{Counters, Finish, Generated, Request, RequestError, TokenLogprobs};

use crate::engine::backend::Segment;
use crate::engine::draw::{Asked, Draw, Drawn, DrawnLogprobs};
use crate::engine::pages::{PageId, Pages, Prefix, TOKENS_PER_PAGE, Tokens};

/// A request, its tokens so far, and how far they are computed.
#[derive(Debug)]
pub(crate) struct Sequence<'c> {
    request: Request,
    opening: String,
    prompt: usize,
    /// Prompt and output.
    pub(crate) tokens: Vec<u32>,
    /// How many of them have keys and values.
    pub(crate) computed: usize,
    pub(crate) pages: Vec<PageId>,
    /// The name of the full pages.
    pub(crate) prefix: Prefix,
    /// The adapter that computes it.
    adapter: Option<usize>,
    pub(crate) counters: Counters,
    /// Where generation ends for lack of room in the context.
    context: usize,
    /// The tokens whose log-probabilities are asked for by name.
    of: Vec<u32>,
    stream: StreamDecoder<'c>,
    text: String,
    logprobs: Vec<TokenLogprobs>,
}

impl<'c> Sequence<'c> {
    /// Encodes a request, or says why it cannot be served.
    pub(crate) fn new(
        request: Request,
        chat: &'c Chat,
        context: usize,
        adapter: Option<usize>,
    ) -> Result<Self, RequestError> {
        let invalid = |reason: String| RequestError::Invalid { reason };
        request.sampling.validate().map_err(|error| invalid(error.to_string()))?;
        let template =
            |error: thinksafe_chat::Error| RequestError::Template { reason: with_causes(&error) };
        let prompt =
            chat.encode_prompt(&request.prompt, request.prefill.as_deref()).map_err(template)?;
        if prompt.ids.is_empty() {
            return Err(invalid("the prompt is empty".to_owned()));
        }
        if prompt.ids.len() >= context {
            return Err(RequestError::PromptTooLong { tokens: prompt.ids.len(), limit: context });
        }
        let names = request.logprobs.iter().flat_map(|asked| &asked.of);
        let of = names.map(|name| {
            chat.token_id(name).ok_or_else(|| invalid(format!("`{name}` is not a single token")))
        });
        let of = of.collect::<Result<_, _>>()?;
        Ok(Self {
            request,
            opening: prompt.opening,
            prompt: prompt.ids.len(),
            tokens: prompt.ids,
            computed: 0,
            pages: Vec::new(),
            prefix: Prefix::start(adapter),
            adapter,
            counters: Counters::default(),
            context,
            of,
            stream: chat.stream_decoder(),
            text: String::new(),
            logprobs: Vec::new(),
        })
    }

    pub(crate) fn id(&self) -> u64 {
        self.request.id
    }

    /// Tokens that are not computed yet.
    pub(crate) fn pending(&self) -> usize {
        self.tokens.len() - self.computed
    }

    /// Tokens generated.
    pub(crate) fn generated(&self) -> usize {
        self.tokens.len() - self.prompt
    }

    /// Pages that the tokens so far need beside those that it has.
    pub(crate) fn pages_to_come(&self) -> usize {
        self.tokens.len().div_ceil(TOKENS_PER_PAGE).saturating_sub(self.pages.len())
    }

    /// The tokens of the whole page that is computed next, if it is one and not the last of the prompt: the last token is
    /// always computed, since what follows is drawn from it.
    pub(crate) fn next_page(&self) -> Option<&Tokens> {
        let whole = self.computed.is_multiple_of(TOKENS_PER_PAGE);
        let next = self.tokens[self.computed..].first_chunk()?;
        (whole && self.pending() > TOKENS_PER_PAGE).then_some(next)
    }

    /// The tokens of the page that is computed next, whole or not, if nothing of it is computed; not the last of all, for
    /// the same reason.
    pub(crate) fn next_beginning(&self) -> &[u32] {
        let has_page = self.computed < self.pages.len() * TOKENS_PER_PAGE;
        let end = if has_page { self.computed } else { self.tokens.len() - 1 };
        let end = end.min(self.computed + TOKENS_PER_PAGE);
        &self.tokens[self.computed..end]
    }

    /// Takes a page of its own that the next tokens were copied to.
    pub(crate) fn take_copied(&mut self, page: PageId, count: usize) {
        self.pages.push(page);
        self.computed += count;
        self.counters.shared_tokens += count as u64;
    }

    /// Takes over a page that holds the next tokens.
    pub(crate) fn share(&mut self, page: PageId, prefix: Prefix) {
        self.pages.push(page);
        self.prefix = prefix;
        self.computed += TOKENS_PER_PAGE;
        self.counters.shared_tokens += TOKENS_PER_PAGE as u64;
    }

    /// Takes note of computed tokens, and remembers the pages that they filled.
    pub(crate) fn note_computed(&mut self, count: usize, pages: &mut Pages) {
        let full = self.computed / TOKENS_PER_PAGE;
        self.computed += count;
        let (filled, _) = self.tokens[..self.computed].as_chunks();
        for (tokens, page) in filled.iter().zip(&self.pages).skip(full) {
            self.prefix = pages.remember(self.prefix, tokens, *page);
        }
    }

    /// Gives up its pages; it is computed from its beginning if it goes on.
    pub(crate) fn give_up(&mut self, pages: &mut Pages) {
        for page in self.pages.drain(..).rev() {
            pages.release(page);
        }
        self.computed = 0;
        self.prefix = Prefix::start(self.adapter);
    }

    /// Its next `count` tokens as a part of a step.
    pub(crate) fn segment(&self, count: usize) -> Segment<'_> {
        Segment {
            tokens: &self.tokens[self.computed..][..count],
            start: self.computed,
            pages: &self.pages,
            adapter: self.adapter,
            draw: (self.pending() == count).then(|| self.draw()),
        }
    }

    /// How the next token is drawn.
    fn draw(&self) -> Draw<'_> {
        let asked = self.request.logprobs.as_ref();
        Draw {
            sampling: &self.request.sampling,
            tokens: &self.tokens,
            prompt: self.prompt,
            uniform: self.request.seed.uniform(self.generated() as u64),
            logprobs: asked.map(|asked| Asked { top: asked.top as usize, of: &self.of }),
        }
    }

    /// Appends the token that was drawn, and says whether it was the last one.
    ///
    /// # Errors
    /// If the logits were not finite, or the token cannot be decoded.
    pub(crate) fn advance(
        &mut self,
        drawn: Drawn,
        chat: &Chat,
    ) -> Result<Option<Finish>, RequestError> {
        let invalid = |reason: &str| RequestError::Invalid { reason: reason.to_owned() };
        let Drawn::Token { id: token, logprobs } = drawn else {
            return Err(invalid("the model's logits are not finite"));
        };
        self.logprobs.extend(logprobs.map(|logprobs| with_texts(logprobs, chat)));
        self.tokens.push(token);
        if chat.end_of_turn_ids().contains(&token) {
            return Ok(Some(Finish::EndOfTurn(token)));
        }
        let piece = self.stream.push(token).map_err(|_| invalid("a token cannot be decoded"))?;
        Ok(self.stopped_by(&piece).or_else(|| self.out_of_room()))
    }

    /// Appends text, and cuts it where a stop text begins.
    fn stopped_by(&mut self, piece: &str) -> Option<Finish> {
        let longest = self.request.sampling.stop.iter().map(String::len).max().unwrap_or(0);
        let mut from = self.text.len().saturating_sub(longest);
        while !self.text.is_char_boundary(from) {
            from -= 1;
        }
        self.text.push_str(piece);
        let stops = self.request.sampling.stop.iter();
        let found = stops.filter_map(|stop| Some((self.text[from..].find(stop.as_str())?, stop)));
        let (at, stop) = found.min_by_key(|(at, _)| *at)?;
        let stop = stop.clone();
        self.text.truncate(from + at);
        Some(Finish::StopText(stop))
    }

    fn out_of_room(&self) -> Option<Finish> {
        let full = self.generated() >= self.request.sampling.max_new_tokens as usize
            || self.tokens.len() >= self.context;
        full.then_some(Finish::Length)
    }

    /// What came of the request.
    pub(crate) fn finish(mut self, finish: Finish) -> Generated {
        if !matches!(finish, Finish::StopText(_)) {
            // What is left are bytes that never became a character.
            self.text.push_str(&self.stream.finish().unwrap_or_default());
        }
        Generated {
            opening: self.opening,
            text: self.text,
            ids: self.tokens.split_off(self.prompt),
            untold_tokens: 0,
            finish,
            prompt_tokens: self.prompt as u32,
            logprobs: self.request.logprobs.map(|_| self.logprobs),
        }
    }
}

fn with_texts(logprobs: DrawnLogprobs, chat: &Chat) -> TokenLogprobs {
    let DrawnLogprobs { chosen, top, of } = logprobs;
    let text = |id| chat.decode(&[id]).unwrap_or_default();
    TokenLogprobs { chosen, top: top.into_iter().map(|(id, l)| (id, text(id), l)).collect(), of }
}

/// An error's message followed by those of its causes.
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
