//! Log-probabilities of given texts.

use std::collections::VecDeque;

use thinksafe_kernels::Pool;

use crate::cpu::CpuBackend;
use crate::engine::backend::Segment;
use crate::engine::pages::{PageId, Pages, TOKENS_PER_PAGE};
use crate::engine::{Kind, LocalGenerator, Prepared};
use crate::{Error, model::CausalLm};

impl LocalGenerator {
    /// The log-probability of every token of each text but its first, given those before it, under the model with its
    /// adapter as it is switched: natural logarithms, at temperature 1.
    ///
    /// What perplexities, preference ratios and KL estimates are made of. On the CPU the texts share steps of
    /// [`EngineOptions::step_tokens`](crate::EngineOptions::step_tokens) and the bits do not depend on which; logits of
    /// a few positions are in memory at a time.
    ///
    /// # Errors
    /// [`Error::Option`] for a token beyond the model's vocabulary, and for a text that is longer than the model's
    /// context or than the memory for keys and values.
    pub fn score(&mut self, texts: &[Vec<u32>]) -> Result<Vec<Vec<f64>>, Error> {
        check(texts, &self.model)?;
        self.prepared();
        let Self { model, options, pool, backend, .. } = self;
        match backend {
            Some(Prepared { pages, backend: Kind::Cpu(backend), .. }) => {
                let adapter = model.adapter_is_on().then_some(0);
                let mut scorer = Scorer {
                    backend: &mut **backend,
                    pool,
                    pages,
                    adapter,
                    active: VecDeque::new(),
                };
                scorer.run(texts, options.step_tokens)
            }
            _ => packed(model, texts),
        }
    }
}

fn check(texts: &[Vec<u32>], model: &CausalLm) -> Result<(), Error> {
    let wrong = |field, found: String, expected| Err(Error::Option { field, found, expected });
    let (vocab, context) = (model.config().vocab_size, model.config().max_position_embeddings);
    for text in texts {
        if let Some(token) = text.iter().find(|token| i64::from(**token) >= vocab) {
            return wrong("token", token.to_string(), "a token of the model's vocabulary");
        }
        if text.len() > context {
            let found = format!("{} tokens", text.len());
            return wrong("text", found, "a text that fits the model's context");
        }
    }
    Ok(())
}

/// Tokens of the texts that pass through libtorch together, unless one alone has more.
const PACKED_TOKENS: usize = 8192;

/// Scores texts through libtorch, several at a time.
fn packed(model: &CausalLm, texts: &[Vec<u32>]) -> Result<Vec<Vec<f64>>, Error> {
    let mut found = Vec::with_capacity(texts.len());
    let mut left = texts;
    while !left.is_empty() {
        let (together, later) = left.split_at(fitting(left));
        found.extend(model.log_probabilities(together)?);
        left = later;
    }
    Ok(found)
}

/// How many of the first texts pass together: at least one.
fn fitting(texts: &[Vec<u32>]) -> usize {
    let mut tokens = 0;
    let fits = |text: &&Vec<u32>| {
        tokens += text.len();
        tokens <= PACKED_TOKENS
    };
    texts.iter().take_while(fits).count().max(1)
}

/// Texts on their way through the decoder.
struct Scorer<'a, 't> {
    backend: &'a mut dyn CpuBackend,
    pool: &'a Pool,
    pages: &'a mut Pages,
    adapter: Option<usize>,
    /// Those of the step, in order; only the last may be computed in part.
    active: VecDeque<Text<'t>>,
}

struct Text<'t> {
    index: usize,
    tokens: &'t [u32],
    computed: usize,
    /// Tokens that the step computes.
    count: usize,
    pages: Vec<PageId>,
}

impl<'t> Scorer<'_, 't> {
    fn run(&mut self, texts: &'t [Vec<u32>], step_tokens: usize) -> Result<Vec<Vec<f64>>, Error> {
        let mut found: Vec<Vec<f64>> = texts.iter().map(|_| Vec::new()).collect();
        let several = texts.iter().enumerate().filter(|(_, tokens)| tokens.len() > 1);
        let mut left = several
            .map(|(index, tokens)| Text { index, tokens, computed: 0, count: 0, pages: Vec::new() })
            .peekable();
        while !self.active.is_empty() || left.peek().is_some() {
            let mut room = step_tokens;
            for text in &mut self.active {
                room -= hold(self.pages, text, room)?;
            }
            while room > 0
                && let Some(text) = left.peek_mut()
            {
                match hold(self.pages, text, room) {
                    Ok(count) => room -= count,
                    Err(error) if self.active.is_empty() => return Err(error),
                    Err(_) => break,
                }
                self.active.extend(left.next());
            }
            self.step(&mut found);
        }
        Ok(found)
    }

    /// Computes what the active texts hold pages for, and lets go of those that are done.
    fn step(&mut self, found: &mut [Vec<f64>]) {
        let segment = |text: &'_ Text<'t>| text.computed..text.computed + text.count;
        let segments: Vec<Segment<'_>> = self
            .active
            .iter()
            .map(|text| Segment {
                tokens: &text.tokens[segment(text)],
                start: text.computed,
                pages: &text.pages,
                adapter: self.adapter,
                draw: None,
            })
            .collect();
        let following = self.active.iter().flat_map(|text| &text.tokens[1..][segment(text)]);
        let following: Vec<u32> = following.copied().collect();
        let computed = self.backend.log_probabilities(self.pool, &segments, &following);
        let mut computed = computed.into_iter();
        for text in &mut self.active {
            found[text.index].extend(computed.by_ref().take(text.count));
            text.computed += text.count;
        }
        let pages = &mut *self.pages;
        self.active.retain_mut(|text| {
            let going_on = text.computed + 1 < text.tokens.len();
            if !going_on {
                text.pages.drain(..).for_each(|page| pages.release(page));
            }
            going_on
        });
    }
}

impl Drop for Scorer<'_, '_> {
    /// Pages outlive a call that ends in an error.
    fn drop(&mut self) {
        for page in self.active.iter().flat_map(|text| &text.pages) {
            self.pages.release(*page);
        }
    }
}

/// Takes the pages for at most `room` more tokens of a text, and returns how many that are; nothing is taken on failure.
fn hold(pages: &mut Pages, text: &mut Text<'_>, room: usize) -> Result<usize, Error> {
    let count = room.min(text.tokens.len() - 1 - text.computed);
    let before = text.pages.len();
    while text.pages.len() < (text.computed + count).div_ceil(TOKENS_PER_PAGE) {
        let Some(page) = pages.allocate() else {
            text.pages.drain(before..).for_each(|page| pages.release(page));
            let found = format!("a text of {} tokens", text.tokens.len());
            let expected = "memory for the keys and values of each text";
            return Err(Error::Option { field: "kv_bytes", found, expected });
        };
        text.pages.push(page);
    }
    text.count = count;
    Ok(count)
}
