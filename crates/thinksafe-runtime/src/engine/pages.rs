//! The pages that sequences keep their keys and values in: who holds which, and which are worth keeping.

use std::collections::HashMap;

/// Positions whose keys and values one page holds, in all layers and heads.
pub(crate) const TOKENS_PER_PAGE: usize = 16;

/// A page; where its memory is, is the backend's affair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PageId(u32);

impl PageId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// A name for everything up to and including a page: pages with the same name hold the same keys and values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Prefix(u64);

impl Prefix {
    /// Nothing yet.
    pub(crate) const START: Self = Self(0);
}

type Tokens = [u32; TOKENS_PER_PAGE];

/// Counts who holds each page, and remembers full pages by what they hold, so that a common beginning (a template's
/// header, steering, the samples of one prompt) is computed once.
#[derive(Debug)]
pub(crate) struct Pages {
    references: Vec<u32>,
    free: Vec<PageId>,
    limit: usize,
    known: HashMap<(Prefix, Tokens), Known>,
    last_prefix: u64,
    clock: u64,
}

#[derive(Debug)]
struct Known {
    page: PageId,
    prefix: Prefix,
    used: u64,
}

impl Pages {
    /// At most `limit` pages, at least one.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            references: Vec::new(),
            free: Vec::new(),
            limit: limit.clamp(1, u32::MAX as usize),
            known: HashMap::new(),
            last_prefix: 0,
            clock: 0,
        }
    }

    /// A page with one reference; pages that are only remembered make room. `None` if all are held.
    pub(crate) fn allocate(&mut self) -> Option<PageId> {
        if self.free.is_empty() {
            if self.references.len() < self.limit {
                self.references.push(0);
                self.free.push(PageId(self.references.len() as u32 - 1));
            } else {
                self.forget_oldest();
            }
        }
        let page = self.free.pop()?;
        self.references[page.index()] = 1;
        Some(page)
    }

    /// Takes back a page that was allocated for the first time and has no memory: there are no more than those before.
    pub(crate) fn end_before(&mut self, page: PageId) {
        assert_eq!(page.index() + 1, self.references.len(), "memory ends at the newest page");
        self.references.pop();
        self.limit = self.references.len();
    }

    /// Takes a reference away.
    pub(crate) fn release(&mut self, page: PageId) {
        let references = &mut self.references[page.index()];
        *references -= 1;
        if *references == 0 {
            self.free.push(page);
        }
    }

    /// The page that continues `prefix` with these tokens, if it is remembered; it gets a reference.
    pub(crate) fn find(&mut self, prefix: Prefix, tokens: &[u32]) -> Option<(PageId, Prefix)> {
        let tokens: Tokens = tokens.try_into().ok()?;
        self.clock += 1;
        let known = self.known.get_mut(&(prefix, tokens))?;
        known.used = self.clock;
        self.references[known.page.index()] += 1;
        Some((known.page, known.prefix))
    }

    /// Remembers a full page, and returns the name of what it ends.
    pub(crate) fn remember(&mut self, prefix: Prefix, tokens: &[u32], page: PageId) -> Prefix {
        let tokens: Tokens = tokens.try_into().expect("a full page has sixteen tokens");
        self.clock += 1;
        let (clock, last) = (self.clock, &mut self.last_prefix);
        let references = &mut self.references;
        let known = self.known.entry((prefix, tokens)).or_insert_with(|| {
            *last += 1;
            references[page.index()] += 1;
            Known { page, prefix: Prefix(*last), used: clock }
        });
        known.used = clock;
        known.prefix
    }

    /// Pages in use or remembered, and pages in all.
    pub(crate) fn occupancy(&self) -> (usize, usize) {
        (self.references.len() - self.free.len(), self.limit)
    }

    /// Forgets the longest unused eighth of the pages that nobody holds, at least one.
    fn forget_oldest(&mut self) {
        let held = |known: &Known| self.references[known.page.index()] > 1;
        let mut unheld: Vec<u64> =
            self.known.values().filter(|known| !held(known)).map(|known| known.used).collect();
        unheld.sort_unstable();
        let Some(newest) = unheld.get(unheld.len() / 8).copied() else { return };
        let oldest: Vec<_> = self
            .known
            .iter()
            .filter(|(_, known)| !held(known) && known.used <= newest)
            .map(|(key, known)| (*key, known.page))
            .collect();
        for (key, page) in oldest {
            self.known.remove(&key);
            self.release(page);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(first: u32) -> Vec<u32> {
        (first..first + 16).collect()
    }

    #[test]
    fn pages_are_shared_by_what_they_hold_and_what_stands_before() {
        let mut pages = Pages::new(8);
        let a = pages.allocate().unwrap();
        let after_a = pages.remember(Prefix::START, &tokens(0), a);
        assert_eq!(pages.find(Prefix::START, &tokens(0)), Some((a, after_a)));
        assert_eq!(pages.find(Prefix::START, &tokens(1)), None);
        assert_eq!(pages.find(after_a, &tokens(0)), None);
        assert_eq!(pages.find(Prefix::START, &tokens(0)[..15]), None);
    }

    #[test]
    fn where_memory_ends_the_limit_is_what_there_is() {
        let mut pages = Pages::new(8);
        let held = pages.allocate().unwrap();
        let without = pages.allocate().unwrap();
        pages.end_before(without);
        assert_eq!((pages.allocate(), pages.occupancy()), (None, (1, 1)));
        pages.release(held);
        assert_eq!(pages.allocate(), Some(held));
    }

    #[test]
    fn a_full_arena_forgets_what_nobody_holds_oldest_first() {
        let mut pages = Pages::new(3);
        let held: Vec<PageId> = (0..3).map(|_| pages.allocate().unwrap()).collect();
        assert_eq!(pages.allocate(), None);
        for (i, page) in held.iter().enumerate() {
            pages.remember(Prefix::START, &tokens(i as u32), *page);
        }
        pages.release(held[0]);
        pages.release(held[1]);
        assert!(pages.find(Prefix::START, &tokens(0)).is_some());
        pages.release(held[0]);
        // Page 1 is now the longest unused of the two that nobody holds.
        assert_eq!(pages.allocate(), Some(held[1]));
        assert!(pages.find(Prefix::START, &tokens(1)).is_none());
        assert_eq!(pages.occupancy(), (3, 3));
    }
}
