//! The pages that sequences keep their keys and values in: who holds which, and which are worth keeping.

use std::collections::BTreeMap;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Prefix(u64);

impl Prefix {
    /// Nothing yet, computed with an adapter or without: what different adapters compute is not the same.
    pub(crate) fn start(adapter: Option<usize>) -> Self {
        Self(adapter.map_or(0, |adapter| adapter as u64 + 1))
    }

    /// Names of pages begin behind those of all starts.
    const FIRST: u64 = 1 << 32;
}

/// The tokens of a full page.
pub(crate) type Tokens = [u32; TOKENS_PER_PAGE];

/// Counts who holds each page, and remembers full pages by what they hold, so that a common beginning (a template's
/// header, steering, the samples of one prompt) is computed once.
#[derive(Debug)]
pub(crate) struct Pages {
    pages: Vec<Page>,
    free: Vec<PageId>,
    limit: usize,
    /// In order, so that pages that begin alike are side by side.
    known: BTreeMap<(Prefix, Tokens), (PageId, Prefix)>,
    /// Remembered pages that nobody holds and only one sequence ever had.
    idle: Idle,
    /// Those that others took over, and may again.
    idle_common: Idle,
    last_prefix: u64,
    moment: u64,
}

/// Pages by the moment at which their last holder left.
type Idle = BTreeMap<u64, PageId>;

/// What is known of one page.
#[derive(Debug, Default)]
struct Page {
    holders: u32,
    /// What it is remembered by.
    known: Option<(Prefix, Tokens)>,
    /// Whether a second sequence has found it here.
    is_common: bool,
    /// When its last holder left.
    left: u64,
}

impl Pages {
    /// At most `limit` pages, at least one.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            pages: Vec::new(),
            free: Vec::new(),
            limit: limit.clamp(1, u32::MAX as usize),
            known: BTreeMap::new(),
            idle: Idle::new(),
            idle_common: Idle::new(),
            last_prefix: Prefix::FIRST,
            moment: 0,
        }
    }

    /// A page with one holder. `None` if all are held.
    ///
    /// Pages that are only remembered make room: those that were never common before any memory is taken that was not
    /// used yet, so that memory is what the sequences of one moment need and what they share, the others at the limit.
    pub(crate) fn allocate(&mut self) -> Option<PageId> {
        let page = self.free.pop();
        let page = page.or_else(|| self.forget(false));
        let page = page.or_else(|| self.another());
        let page = page.or_else(|| self.forget(true))?;
        self.pages[page.index()].holders = 1;
        Some(page)
    }

    /// Takes back a page that was allocated for the first time and has no memory: there are no more than those before.
    pub(crate) fn end_before(&mut self, page: PageId) {
        assert_eq!(page.index() + 1, self.pages.len(), "memory ends at the newest page");
        self.pages.pop();
        self.limit = self.pages.len();
    }

    /// Takes a holder away. Of a sequence the last page goes first: of pages that nobody holds the longest left is
    /// forgotten first, and a page without those before it is of no use.
    pub(crate) fn release(&mut self, page: PageId) {
        let state = &mut self.pages[page.index()];
        state.holders -= 1;
        if state.holders == 0 {
            if state.known.is_some() {
                self.moment += 1;
                state.left = self.moment;
                let (is_common, moment) = (state.is_common, self.moment);
                self.idle(is_common).insert(moment, page);
            } else {
                self.free.push(page);
            }
        }
    }

    /// The page that continues `prefix` with these tokens, if it is remembered; it gets a holder.
    pub(crate) fn find(&mut self, prefix: Prefix, tokens: &Tokens) -> Option<(PageId, Prefix)> {
        let (page, prefix) = *self.known.get(&(prefix, *tokens))?;
        self.hold(page);
        self.pages[page.index()].is_common = true;
        Some((page, prefix))
    }

    /// The remembered page after `prefix` that begins with the most of these tokens, and with how many; it gets a holder.
    pub(crate) fn find_beginning(
        &mut self,
        prefix: Prefix,
        tokens: &[u32],
    ) -> Option<(PageId, usize)> {
        // Zeros come first: a page that begins with all of a few tokens is the next after them.
        let mut key = (prefix, Tokens::default());
        key.1.iter_mut().zip(tokens).for_each(|(place, token)| *place = *token);
        let neighbours = [self.known.range(..key).next_back(), self.known.range(key..).next()];
        let after_prefix = neighbours.into_iter().flatten().filter(|((p, _), _)| *p == prefix);
        let (page, count) = after_prefix
            .map(|((_, held), (page, _))| (*page, common(held, tokens)))
            .max_by_key(|(_, count)| *count)
            .filter(|(_, count)| *count > 0)?;
        self.hold(page);
        Some((page, count))
    }

    /// Remembers a full page, and returns the name of what it ends.
    pub(crate) fn remember(&mut self, prefix: Prefix, tokens: &Tokens, page: PageId) -> Prefix {
        let key = (prefix, *tokens);
        let (last, pages) = (&mut self.last_prefix, &mut self.pages);
        let (_, prefix) = self.known.entry(key).or_insert_with(|| {
            *last += 1;
            pages[page.index()].known = Some(key);
            (page, Prefix(*last))
        });
        *prefix
    }

    /// Pages that are held, and pages in all.
    pub(crate) fn occupancy(&self) -> (usize, usize) {
        let idle = self.idle.len() + self.idle_common.len();
        (self.pages.len() - self.free.len() - idle, self.limit)
    }

    /// Gives a page another holder.
    fn hold(&mut self, page: PageId) {
        let state = &mut self.pages[page.index()];
        state.holders += 1;
        if state.holders == 1 {
            let (is_common, left) = (state.is_common, state.left);
            self.idle(is_common).remove(&left);
        }
    }

    fn idle(&mut self, is_common: bool) -> &mut Idle {
        if is_common { &mut self.idle_common } else { &mut self.idle }
    }

    /// A page that was never used.
    fn another(&mut self) -> Option<PageId> {
        let page = PageId(u32::try_from(self.pages.len()).ok()?);
        (page.index() < self.limit).then(|| {
            self.pages.push(Page::default());
            page
        })
    }

    /// The page of these, common or not, that nobody has held for the longest: forgotten.
    fn forget(&mut self, is_common: bool) -> Option<PageId> {
        let (_, page) = self.idle(is_common).pop_first()?;
        let state = &mut self.pages[page.index()];
        state.is_common = false;
        if let Some(key) = state.known.take() {
            self.known.remove(&key);
        }
        Some(page)
    }
}

/// How many tokens both begin with.
fn common(a: &[u32], b: &[u32]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(first: u32) -> Tokens {
        std::array::from_fn(|i| first + i as u32)
    }

    #[test]
    fn pages_are_shared_by_what_they_hold_what_stands_before_and_the_adapter() {
        let mut pages = Pages::new(8);
        let start = Prefix::start(None);
        let a = pages.allocate().unwrap();
        let after_a = pages.remember(start, &tokens(0), a);
        assert_eq!(pages.find(start, &tokens(0)), Some((a, after_a)));
        assert_eq!(pages.find(start, &tokens(1)), None);
        assert_eq!(pages.find(after_a, &tokens(0)), None);
        assert_eq!(pages.find(Prefix::start(Some(0)), &tokens(0)), None);
        assert_eq!(pages.find(Prefix::start(Some(1)), &tokens(0)), None);
    }

    #[test]
    fn of_pages_that_begin_alike_the_one_that_has_most_in_common_is_found() {
        let mut pages = Pages::new(8);
        let start = Prefix::start(None);
        let beginning = |first: &[u32]| {
            let mut tokens = [9; TOKENS_PER_PAGE];
            tokens[..first.len()].copy_from_slice(first);
            tokens
        };
        let held = [[5, 1, 1], [5, 2, 2], [5, 2, 7], [6, 0, 0]].map(|first| {
            let page = pages.allocate().unwrap();
            pages.remember(start, &beginning(&first), page);
            page
        });
        for page in held {
            pages.release(page);
        }
        let mut found = |prefix, tokens: &[u32]| {
            let (page, count) = pages.find_beginning(prefix, tokens)?;
            pages.release(page);
            Some((page.index(), count))
        };
        assert_eq!(found(start, &[5, 1, 3, 4]), Some((0, 2)));
        assert_eq!(found(start, &[5, 2, 7, 9]), Some((2, 4)));
        assert_eq!(found(start, &[5]).map(|(_, count)| count), Some(1));
        assert_eq!(found(start, &beginning(&[6, 0, 0])), Some((3, TOKENS_PER_PAGE)));
        assert_eq!(found(start, &[4, 5]), None);
        assert_eq!(found(start, &[]), None);
        assert_eq!(found(Prefix::start(Some(0)), &[5, 2]), None);
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
    fn a_full_arena_forgets_what_nobody_holds_longest_left_first() {
        let mut pages = Pages::new(3);
        let start = Prefix::start(None);
        let held: Vec<PageId> = (0..3).map(|_| pages.allocate().unwrap()).collect();
        assert_eq!(pages.allocate(), None);
        for (i, page) in held.iter().enumerate() {
            pages.remember(start, &tokens(i as u32), *page);
        }
        pages.release(held[0]);
        pages.release(held[1]);
        assert_eq!(pages.occupancy(), (1, 3));
        assert!(pages.find(start, &tokens(0)).is_some());
        pages.release(held[0]);
        // Page 0 is common now, and page 1 the longest left too.
        assert_eq!(pages.allocate(), Some(held[1]));
        assert!(pages.find(start, &tokens(1)).is_none());
        assert_eq!(pages.allocate(), Some(held[0]));
        assert_eq!((pages.allocate(), pages.occupancy()), (None, (3, 3)));
    }

    #[test]
    fn memory_grows_for_what_is_held_or_common_alone() {
        let mut pages = Pages::new(9);
        let start = Prefix::start(None);
        let common = pages.allocate().unwrap();
        let prefix = pages.remember(start, &tokens(0), common);
        for sequence in 0..20 {
            // The first of them computes the common page, the others find it.
            if sequence > 0 {
                assert_eq!(pages.find(start, &tokens(0)), Some((common, prefix)));
            }
            let own = pages.allocate().unwrap();
            pages.remember(prefix, &tokens(100 + sequence), own);
            assert!(own.index() <= 1, "a page that nobody will ask for again is used again");
            pages.release(own);
            pages.release(common);
        }
        // What is common goes last.
        assert_eq!(
            [(); 9].map(|()| pages.allocate().unwrap().index()),
            [1, 2, 3, 4, 5, 6, 7, 8, 0]
        );
        assert_eq!((pages.allocate(), pages.find(start, &tokens(0))), (None, None));
    }

    #[test]
    fn a_page_that_repeats_a_remembered_one_is_free_when_it_is_left() {
        let mut pages = Pages::new(2);
        let start = Prefix::start(None);
        let [a, b] = [pages.allocate().unwrap(), pages.allocate().unwrap()];
        let name = pages.remember(start, &tokens(0), a);
        assert_eq!(pages.remember(start, &tokens(0), b), name);
        pages.release(b);
        pages.release(a);
        assert_eq!(pages.allocate(), Some(b));
        assert_eq!(pages.find(start, &tokens(0)), Some((a, name)));
    }
}
