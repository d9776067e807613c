//! Which segments of a step attend together.
//!
//! The layers see the tokens of a step as one row, without padding; only attention needs segments of one shape.
//! Segments are grouped by shape such that padding stays a fraction of the work: tokens that continue a text are never
//! grouped with pieces of prompts, short contexts not with long ones.

use std::cmp::Reverse;
use std::ops::Range;

use crate::engine::{Segment, TOKENS_PER_PAGE};

/// Bytes of keys and values that one group may gather in one layer.
pub(super) const GATHER_BYTES: usize = 256 << 20;

/// Segments that attend together, padded to one shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    /// Which ones, counted in [`Plan::order`].
    pub(super) members: Range<usize>,
    /// T: the most tokens of one.
    pub(super) width: usize,
    /// The most pages of one.
    pub(super) pages: usize,
    /// Which of the step's tokens are theirs.
    pub(super) tokens: Range<usize>,
    /// Whether all begin at position 0, and so attend to nothing but themselves.
    pub(super) fresh: bool,
    /// Pages times tokens, without padding.
    work: usize,
}

/// The order of a step's segments, and their groups.
#[derive(Debug)]
pub(super) struct Plan {
    /// Indices of segments.
    pub(super) order: Vec<usize>,
    pub(super) groups: Vec<Group>,
}

/// What single tokens cost that attend together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gathering {
    /// Copies of pages, as many for each as the longest has.
    Copies,
    /// Nothing: they attend over the pages themselves.
    None,
}

impl Plan {
    /// `page_bytes`: keys and values of a page in one layer.
    pub(super) fn new(segments: &[Segment<'_>], singles: Gathering, page_bytes: usize) -> Self {
        let mut order: Vec<usize> = (0..segments.len()).collect();
        let shapes: Vec<Shape> = segments.iter().map(Shape::new).collect();
        order.sort_by_key(|i| (shapes[*i].class(), Reverse((shapes[*i].tokens, shapes[*i].pages))));
        let mut groups: Vec<Group> = Vec::new();
        let mut tokens = 0;
        for (place, index) in order.iter().enumerate() {
            let shape = shapes[*index];
            let class = |group: &Group| shapes[order[group.members.start]].class();
            let free = shape.tokens == 1 && singles == Gathering::None;
            let takes = |group: &Group| {
                class(group) == shape.class() && (free || group.takes(shape, page_bytes))
            };
            match groups.last_mut() {
                Some(group) if takes(group) => group.add(shape),
                _ => groups.push(Group::of(shape, place, tokens)),
            }
            tokens += shape.tokens;
        }
        Self { order, groups }
    }
}

impl Plan {
    /// All segments, of one token each, in their order and with this many pages.
    pub(super) fn together(segments: &[Segment<'_>], pages: usize) -> Self {
        let count = segments.len();
        let group = Group {
            members: 0..count,
            width: 1,
            pages,
            tokens: 0..count,
            fresh: false,
            work: count * pages,
        };
        Self { order: (0..count).collect(), groups: vec![group] }
    }
}

impl Group {
    fn of(shape: Shape, place: usize, token: usize) -> Self {
        Self {
            members: place..place + 1,
            width: shape.tokens,
            pages: shape.pages,
            tokens: token..token + shape.tokens,
            fresh: shape.fresh,
            work: shape.work(),
        }
    }

    fn add(&mut self, shape: Shape) {
        self.members.end += 1;
        self.tokens.end += shape.tokens;
        self.pages = self.pages.max(shape.pages);
        self.work += shape.work();
    }

    /// Whether another segment, with no more tokens than each of these, leaves most of the work real and gathers no more
    /// than a group may.
    fn takes(&self, shape: Shape, page_bytes: usize) -> bool {
        let members = self.members.len() + 1;
        let gathered = members * self.pages.max(shape.pages);
        let padded = gathered * self.width;
        2 * padded <= 3 * (self.work + shape.work()) && gathered * page_bytes <= GATHER_BYTES
    }
}

/// What of a segment decides where it belongs.
#[derive(Debug, Clone, Copy)]
struct Shape {
    tokens: usize,
    pages: usize,
    fresh: bool,
}

impl Shape {
    fn new(segment: &Segment<'_>) -> Self {
        let tokens = segment.tokens.len();
        let pages = (segment.start + tokens).div_ceil(TOKENS_PER_PAGE);
        Self { tokens, pages, fresh: tokens > 1 && segment.start == 0 }
    }

    /// One token with a past, a piece of a prompt with a past, the beginning of a prompt.
    fn class(self) -> (bool, bool) {
        (self.tokens > 1, self.fresh)
    }

    fn work(self) -> usize {
        self.tokens * self.pages
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{PageId, Pages};

    fn groups(shapes: &[(usize, usize)], page_bytes: usize) -> Vec<(Vec<usize>, usize, usize)> {
        grouped(shapes, Gathering::Copies, page_bytes)
    }

    fn grouped(
        shapes: &[(usize, usize)],
        singles: Gathering,
        page_bytes: usize,
    ) -> Vec<(Vec<usize>, usize, usize)> {
        let mut pages = Pages::new(1000);
        let pages: Vec<PageId> = (0..1000).map(|_| pages.allocate().unwrap()).collect();
        let tokens = vec![1u32; 1000];
        let segment = |&(start, count): &(usize, usize)| Segment {
            tokens: &tokens[..count],
            start,
            pages: &pages[..(start + count).div_ceil(TOKENS_PER_PAGE)],
            adapter: None,
            draw: None,
        };
        let segments: Vec<Segment<'_>> = shapes.iter().map(segment).collect();
        let plan = Plan::new(&segments, singles, page_bytes);
        let (mut place, mut token) = (0, 0);
        let of = |group: &Group| {
            assert_eq!((group.members.start, group.tokens.start), (place, token));
            (place, token) = (group.members.end, group.tokens.end);
            let members = plan.order[group.members.clone()].to_vec();
            let count: usize = members.iter().map(|i| shapes[*i].1).sum();
            assert_eq!(group.tokens.len(), count);
            assert!(members.iter().all(|i| group.fresh == (shapes[*i].0 == 0 && shapes[*i].1 > 1)));
            (members, group.width, group.pages)
        };
        let groups = plan.groups.iter().map(of).collect();
        assert_eq!((place, token), (shapes.len(), shapes.iter().map(|s| s.1).sum()));
        groups
    }

    #[test]
    fn tokens_that_continue_are_never_padded_to_pieces_of_prompts() {
        let found = groups(&[(31, 1), (0, 40), (40, 1), (16, 33), (0, 1), (0, 38)], 1);
        let expected = [(vec![2, 0, 4], 1, 3), (vec![3], 33, 4), (vec![1, 5], 40, 3)];
        assert_eq!(found, expected);
    }

    #[test]
    fn long_contexts_stand_apart_and_groups_end_where_memory_does() {
        let mut shapes = vec![(15_999, 1)];
        shapes.extend((0..10).map(|i| (100 + i, 1)));
        let found = groups(&shapes, 1);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].0.as_slice(), found[1].0.len(), found[1].2), (&[0][..], 10, 7));
        let together = grouped(&shapes, Gathering::None, GATHER_BYTES);
        assert_eq!((together.len(), together[0].0.len()), (1, 11));
        // Room for 21 pages: three segments of seven.
        let sizes: Vec<usize> =
            groups(&shapes[1..], GATHER_BYTES / 21).iter().map(|g| g.0.len()).collect();
        assert_eq!(sizes, [3, 3, 3, 1]);
    }
}
