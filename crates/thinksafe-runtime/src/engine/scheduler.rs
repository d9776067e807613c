//! Continuous batching: which sequences' tokens each step computes.
//!
//! Every step computes the next token of each sequence that is decoding, and with the rows that are left a piece of
//! the prompts that wait. A sequence that ends leaves at once and another enters as soon as there is memory for its
//! prompt; nothing is ever padded to the longest. When pages run out all the same, the sequence that entered last gives
//! up its own and is computed again later: its tokens stay, and so do its draws.

use std::collections::{HashSet, VecDeque};

use thinksafe_chat::Chat;
use thinksafe_core::Error;
use thinksafe_core::generate::{AdapterChoice, Completion, Finish, Request, RequestError};
use thinksafe_kernels::Pool;

use crate::engine::backend::{Backend, Segment};
use crate::engine::draw::Drawn;
use crate::engine::pages::{PageId, Pages, Prefix, TOKENS_PER_PAGE, Tokens};
use crate::engine::progress::{Load, Reporter, Totals};
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
    /// Which adapter each choice of a request means.
    pub(crate) adapter: &'c dyn Fn(&AdapterChoice) -> Result<Option<usize>, RequestError>,
    pub(crate) reporter: Option<Reporter<'c>>,
    /// In the order in which they entered.
    pub(crate) running: Vec<Sequence<'c>>,
    /// Sequences that gave up their pages, and at most one that has not begun.
    pub(crate) waiting: VecDeque<Sequence<'c>>,
    pub(crate) totals: Totals,
    /// Pages that the sequences of the step being planned compute; kept for its memory.
    pub(crate) beginnings: HashSet<(Prefix, Tokens)>,
}

impl<'c> Scheduler<'c> {
    /// Serves all requests.
    pub(crate) fn run(
        &mut self,
        requests: &mut dyn Iterator<Item = Request>,
        sink: Sink<'_>,
    ) -> Result<(), Error> {
        loop {
            self.admit(requests, sink)?;
            if self.running.is_empty() {
                self.report(true);
                return Ok(());
            }
            let plan = self.plan(sink)?;
            let drawn = self.compute(&plan);
            self.harvest(&plan, drawn, sink)?;
            self.report(false);
        }
    }

    /// Fills the batch: first with sequences that gave up their pages, then with new requests. None enters before there
    /// is memory for all of its tokens, or it would soon take another's place or lose its own.
    fn admit(
        &mut self,
        requests: &mut dyn Iterator<Item = Request>,
        sink: Sink<'_>,
    ) -> Result<(), Error> {
        let _span = tracing::trace_span!("admit").entered();
        while self.running.len() < self.max_batch {
            let mut next = match self.waiting.pop_front() {
                Some(sequence) => sequence,
                None => match self.next_sequence(requests, sink)? {
                    Some(sequence) => sequence,
                    None => return Ok(()),
                },
            };
            let counters = next.counters;
            share_beginning(&mut next, self.pages);
            if next.pages_to_come() >= self.room() && !self.running.is_empty() {
                next.give_up(self.pages);
                next.counters = counters;
                self.waiting.push_front(next);
                return Ok(());
            }
            self.running.push(next);
        }
        Ok(())
    }

    /// Pages that nobody holds, but for those that the running sequences need for what they have and one page more.
    fn room(&self) -> usize {
        let (held, limit) = self.pages.occupancy();
        let promised: usize = self.running.iter().map(|s| s.pages_to_come() + 1).sum();
        limit.saturating_sub(held + promised)
    }

    /// The next request that can be served; those that cannot are answered.
    fn next_sequence(
        &mut self,
        requests: &mut dyn Iterator<Item = Request>,
        sink: Sink<'_>,
    ) -> Result<Option<Sequence<'c>>, Error> {
        for request in requests {
            let id = request.id;
            let sequence = (self.adapter)(&request.adapter)
                .and_then(|adapter| Sequence::new(request, self.chat, self.context, adapter));
            match sequence {
                Ok(sequence) => return Ok(Some(sequence)),
                Err(error) => {
                    self.totals.finished += 1;
                    sink(Completion::new(id, Err(error)))?;
                }
            }
        }
        Ok(None)
    }

    /// How many tokens of each running sequence the next step computes; at least one of one.
    ///
    /// Decoding goes first. Two prompts with a common beginning are not computed side by side: the second waits a
    /// step and finds what the first has computed. A long prompt leaves half of the rows to the prompts behind it.
    fn plan(&mut self, sink: Sink<'_>) -> Result<Vec<usize>, Error> {
        let _span = tracing::trace_span!("plan").entered();
        let decoding = self.running.iter().filter(|s| s.pending() == 1).count();
        let prompts = self.running.len() - decoding;
        let rows = self.step_tokens.saturating_sub(decoding).max(1);
        let piece = if prompts > 1 { rows.div_ceil(2) } else { rows };
        let mut room = rows;
        self.beginnings.clear();
        let mut plan = Vec::with_capacity(self.running.len());
        while plan.len() < self.running.len() {
            let index = plan.len();
            let count = match self.running[index].pending() {
                1 => 1,
                _ if room == 0 => 0,
                _ => self.piece_of_prompt(index, piece.min(room)),
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

    /// How many tokens of a prompt the step computes, at most `most`; what others have computed already is taken over.
    fn piece_of_prompt(&mut self, index: usize, most: usize) -> usize {
        share_beginning(&mut self.running[index], self.pages);
        let sequence = &self.running[index];
        let waits = sequence
            .next_page()
            .is_some_and(|tokens| !self.beginnings.insert((sequence.prefix, *tokens)));
        if waits {
            return 0;
        }
        self.copy_beginning(index);
        self.running[index].pending().min(most)
    }

    /// Copies the beginning of a page of others that a sequence has in common with it.
    fn copy_beginning(&mut self, index: usize) {
        let sequence = &self.running[index];
        let Some((from, count)) =
            self.pages.find_beginning(sequence.prefix, sequence.next_beginning())
        else {
            return;
        };
        if let Some(to) = self.allocate() {
            if self.backend.copy(from, to) {
                self.running[index].take_copied(to, count);
            } else {
                self.pages.release(to);
            }
        }
        self.pages.release(from);
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
            sequence.give_up(self.pages);
            if last == 0 {
                let reason = "its keys and values do not fit the engine's memory".to_owned();
                self.complete(sequence, Err(RequestError::Invalid { reason }), sink)?;
                return Ok(false);
            }
            tracing::debug!(request = sequence.id(), "preempted");
            sequence.counters.preemptions += 1;
            self.totals.preemptions += 1;
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

    fn compute(&mut self, plan: &[usize]) -> Vec<Drawn> {
        let segments: Vec<Segment<'_>> = self
            .running
            .iter()
            .zip(plan)
            .filter(|(_, count)| **count > 0)
            .map(|(sequence, count)| sequence.segment(*count))
            .collect();
        let rows: usize = plan.iter().sum();
        let decoding = segments.iter().filter(|s| s.tokens.len() == 1 && s.draw.is_some()).count();
        let prompts = (rows - decoding) as u64;
        self.totals.prompt_tokens += prompts;
        let _span = if prompts > 0 {
            tracing::debug_span!("prefill", prompts, decoding).entered()
        } else {
            tracing::debug_span!("decode", decoding).entered()
        };
        self.backend.draw(self.pool, &segments)
    }

    /// Takes note of what was computed, gives each sequence that is up to date the token that was drawn for it, and
    /// completes those that end.
    fn harvest(&mut self, plan: &[usize], drawn: Vec<Drawn>, sink: Sink<'_>) -> Result<(), Error> {
        let _span = tracing::trace_span!("complete").entered();
        let mut drawn = drawn.into_iter();
        let mut ended = Vec::new();
        for (index, (sequence, count)) in self.running.iter_mut().zip(plan).enumerate() {
            sequence.note_computed(*count, self.pages);
            if *count == 0 || sequence.pending() > 0 {
                continue;
            }
            let drawn = drawn.next().expect("a draw for each sequence that is up to date");
            self.totals.generated_tokens += 1;
            match sequence.advance(drawn, self.chat) {
                Ok(None) => {}
                Ok(Some(finish)) => ended.push((index, Ok(finish))),
                Err(error) => ended.push((index, Err(error))),
            }
        }
        // From the last, so that the places before stay what they are; then in their order.
        let ended: Vec<_> =
            ended.into_iter().rev().map(|(at, how)| (self.running.remove(at), how)).collect();
        let mut result = Ok(());
        for (mut sequence, how) in ended.into_iter().rev() {
            sequence.give_up(self.pages);
            if result.is_ok() {
                result = self.complete(sequence, how, sink);
            }
        }
        result
    }

    /// Answers the request of a sequence that has no pages left.
    fn complete(
        &mut self,
        sequence: Sequence<'_>,
        how: Result<Finish, RequestError>,
        sink: Sink<'_>,
    ) -> Result<(), Error> {
        self.totals.finished += 1;
        let (id, counters) = (sequence.id(), sequence.counters);
        sink(Completion { id, outcome: how.map(|finish| sequence.finish(finish)), counters })
    }

    fn report(&mut self, is_last: bool) {
        let load = Load {
            running: self.running.len(),
            max_batch: self.max_batch,
            waiting: self.waiting.len(),
            pages: self.pages.occupancy(),
        };
        if let Some(reporter) = &mut self.reporter {
            reporter.tell(self.totals, load, is_last);
        }
    }
}

/// Takes over the pages of what others have computed already.
fn share_beginning(sequence: &mut Sequence<'_>, pages: &mut Pages) {
    while sequence.computed / TOKENS_PER_PAGE == sequence.pages.len() {
        let Some(next) = sequence.next_page() else { return };
        let Some((page, prefix)) = pages.find(sequence.prefix, next) else { return };
        sequence.share(page, prefix);
    }
}

impl Drop for Scheduler<'_> {
    /// Pages outlive a call that ends early; their holders do not.
    fn drop(&mut self) {
        for sequence in self.running.iter_mut().chain(&mut self.waiting) {
            sequence.give_up(self.pages);
        }
    }
}
