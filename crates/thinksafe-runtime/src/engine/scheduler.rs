//! Continuous batching: which sequences' tokens each step computes.
//!
//! Every step computes the next token of each sequence that is decoding, and with the rows that are left a piece of
//! the prompts that wait. A sequence that ends leaves at once and another enters; nothing is ever padded to the
//! longest. When pages run out, the sequence that entered last gives up its own and is computed again later: its
//! tokens stay, and so do its draws.

use std::collections::{HashSet, VecDeque};

use thinksafe_chat::Chat;
use thinksafe_core::Error;
use thinksafe_core::generate::{Completion, Finish, Request, RequestError};
use thinksafe_kernels::Pool;

use crate::engine::backend::{Backend, Segment};
use crate::engine::draw::Drawn;
use crate::engine::pages::{PageId, Pages, Prefix, TOKENS_PER_PAGE};
use crate::engine::sequence::Sequence;

/// Receives completions.
pub(crate) type Sink<'a> = &'a mut dyn FnMut(Completion) -> Result<(), Error>;

/// What the scheduler works with.
pub(crate) struct Scheduler<'c> {
    pub(crate) backend: &'c mut dyn Backend,
    pub(crate) pool: &'c Pool,
    pub(crate) chat: &'c Chat,
    pub(crate) pages: &'c mut Pages,
    /// Sequences at a time.
    pub(crate) max_batch: usize,
    /// Rows of a step.
    pub(crate) step_tokens: usize,
    /// The longest sequence.
    pub(crate) context: usize,
    /// In the order in which they entered.
    pub(crate) running: Vec<Sequence<'c>>,
    /// Sequences that gave up their pages, and requests not begun.
    pub(crate) waiting: VecDeque<Sequence<'c>>,
}

impl Scheduler<'_> {
    /// Serves all requests.
    pub(crate) fn run(
        &mut self,
        requests: &mut dyn Iterator<Item = Request>,
        sink: Sink<'_>,
    ) -> Result<(), Error> {
        let mut step = 0u64;
        loop {
            self.admit(requests, sink)?;
            if self.running.is_empty() {
                return Ok(());
            }
            let plan = self.plan(sink)?;
            let drawn = self.compute(&plan);
            self.harvest(&plan, drawn, sink)?;
            step += 1;
            let (used, limit) = self.pages.occupancy();
            tracing::trace!(step, running = self.running.len(), used, limit, "step");
        }
    }

    /// Fills the batch: first with sequences that gave up their pages, then with new requests.
    fn admit(
        &mut self,
        requests: &mut dyn Iterator<Item = Request>,
        sink: Sink<'_>,
    ) -> Result<(), Error> {
        while self.running.len() < self.max_batch {
            if let Some(sequence) = self.waiting.pop_front() {
                self.running.push(sequence);
                continue;
            }
            let Some(request) = requests.next() else { return Ok(()) };
            let id = request.id;
            match Sequence::new(request, self.chat, self.context) {
                Ok(sequence) => self.running.push(sequence),
                Err(error) => sink(Completion { id, outcome: Err(error) })?,
            }
        }
        Ok(())
    }

    /// How many tokens of each running sequence the next step computes; at least one of one.
    ///
    /// Decoding goes first. Two prompts with a common beginning are not computed side by side: the second waits a
    /// step and finds what the first has computed.
    fn plan(&mut self, sink: Sink<'_>) -> Result<Vec<usize>, Error> {
        let decoding = self.running.iter().filter(|s| s.pending() == 1).count();
        let mut room = self.step_tokens.saturating_sub(decoding).max(1);
        let mut beginnings = HashSet::new();
        let mut plan = Vec::new();
        while plan.len() < self.running.len() {
            let index = plan.len();
            self.share_beginning(index);
            let sequence = &self.running[index];
            let count = match sequence.pending() {
                1 => 1,
                _ if waits_for_another(sequence, &mut beginnings) => 0,
                pending => pending.min(room),
            };
            if !self.hold_pages(index, count, sink)? {
                continue;
            }
            if self.running[index].pending() > 1 {
                room -= count;
            }
            plan.push(count);
        }
        Ok(plan)
    }

    /// Takes over the pages of what others have computed already.
    fn share_beginning(&mut self, index: usize) {
        let sequence = &mut self.running[index];
        while sequence.computed.is_multiple_of(TOKENS_PER_PAGE)
            && sequence.computed / TOKENS_PER_PAGE == sequence.pages.len()
            && sequence.pending() > TOKENS_PER_PAGE
        {
            let next = &sequence.tokens[sequence.computed..][..TOKENS_PER_PAGE];
            let Some((page, prefix)) = self.pages.find(sequence.prefix, next) else { return };
            sequence.pages.push(page);
            sequence.prefix = prefix;
            sequence.computed += TOKENS_PER_PAGE;
        }
    }

    /// Gives a sequence the pages for `count` more tokens. If there are none, the last sequence gives up its own; false
    /// if that was this one, which then is no longer running.
    fn hold_pages(&mut self, index: usize, count: usize, sink: Sink<'_>) -> Result<bool, Error> {
        let needed = (self.running[index].computed + count).div_ceil(TOKENS_PER_PAGE);
        while self.running[index].pages.len() < needed {
            if let Some(page) = self.allocate() {
                self.running[index].pages.push(page);
                continue;
            }
            let last = self.running.len() - 1;
            let mut sequence = self.running.remove(last);
            self.give_up_pages(&mut sequence);
            if last == 0 {
                let reason = "its keys and values do not fit the engine's memory".to_owned();
                let outcome = Err(RequestError::Invalid { reason });
                sink(Completion { id: sequence.id(), outcome })?;
                return Ok(false);
            }
            tracing::debug!(request = sequence.id(), "preempted");
            self.waiting.push_front(sequence);
            if last == index {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A page with memory behind it. Where memory ends before the limit, the limit is lowered to what there is.
    fn allocate(&mut self) -> Option<PageId> {
        let page = self.pages.allocate()?;
        if self.backend.hold(page) {
            return Some(page);
        }
        tracing::warn!(pages = page.index(), "no memory for more keys and values");
        self.pages.end_before(page);
        self.pages.allocate()
    }

    fn give_up_pages(&mut self, sequence: &mut Sequence<'_>) {
        for page in sequence.pages.drain(..) {
            self.pages.release(page);
        }
        sequence.computed = 0;
        sequence.prefix = Prefix::START;
    }

    fn compute(&mut self, plan: &[usize]) -> Vec<Drawn> {
        let segments: Vec<Segment<'_>> = self
            .running
            .iter()
            .zip(plan)
            .filter(|(_, count)| **count > 0)
            .map(|(sequence, count)| Segment {
                tokens: &sequence.tokens[sequence.computed..][..*count],
                start: sequence.computed,
                pages: &sequence.pages,
                draw: (sequence.pending() == *count).then(|| sequence.draw()),
            })
            .collect();
        self.backend.draw(self.pool, &segments)
    }

    /// Takes note of what was computed, gives each sequence that is up to date the token that was drawn for it, and
    /// completes those that end.
    fn harvest(&mut self, plan: &[usize], drawn: Vec<Drawn>, sink: Sink<'_>) -> Result<(), Error> {
        let mut drawn = drawn.into_iter();
        let mut going_on = Vec::with_capacity(self.running.len());
        let mut ended = Ok(());
        for (mut sequence, count) in std::mem::take(&mut self.running).into_iter().zip(plan) {
            self.computed(&mut sequence, *count);
            if *count == 0 || sequence.pending() > 0 {
                going_on.push(sequence);
                continue;
            }
            let drawn = drawn.next().expect("a draw for each sequence that is up to date");
            match sequence.advance(drawn, self.chat) {
                Ok(None) => going_on.push(sequence),
                outcome => {
                    let completed = self.complete(sequence, outcome, sink);
                    ended = ended.and(completed);
                }
            }
        }
        self.running = going_on;
        ended
    }

    /// Takes note of computed tokens, and remembers the pages that they filled.
    fn computed(&mut self, sequence: &mut Sequence<'_>, count: usize) {
        let full = sequence.computed / TOKENS_PER_PAGE;
        sequence.computed += count;
        for index in full..sequence.computed / TOKENS_PER_PAGE {
            let tokens = &sequence.tokens[index * TOKENS_PER_PAGE..][..TOKENS_PER_PAGE];
            let page = sequence.pages[index];
            sequence.prefix = self.pages.remember(sequence.prefix, tokens, page);
        }
    }

    fn complete(
        &mut self,
        mut sequence: Sequence<'_>,
        outcome: Result<Option<Finish>, RequestError>,
        sink: Sink<'_>,
    ) -> Result<(), Error> {
        self.give_up_pages(&mut sequence);
        let id = sequence.id();
        let outcome = match outcome {
            Ok(finish) => Ok(sequence.finish(finish.unwrap_or(Finish::Length))),
            Err(error) => Err(error),
        };
        sink(Completion { id, outcome })
    }
}

impl Drop for Scheduler<'_> {
    /// Pages outlive a call that ends early; their holders do not.
    fn drop(&mut self) {
        for sequence in self.running.iter().chain(&self.waiting) {
            for page in &sequence.pages {
                self.pages.release(*page);
            }
        }
    }
}

/// Whether another sequence of this step computes the page that this one needs next.
fn waits_for_another(
    sequence: &Sequence<'_>,
    beginnings: &mut HashSet<(Prefix, Vec<u32>)>,
) -> bool {
    let at_page = sequence.computed.is_multiple_of(TOKENS_PER_PAGE);
    if !at_page || sequence.pending() <= TOKENS_PER_PAGE {
        return false;
    }
    let next = sequence.tokens[sequence.computed..][..TOKENS_PER_PAGE].to_vec();
    !beginnings.insert((sequence.prefix, next))
}
