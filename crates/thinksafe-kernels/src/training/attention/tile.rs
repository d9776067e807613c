//! How a sequence is cut into tiles of queries and keys.

use std::ops::Range;

use crate::LANES;
use crate::element::Element;

use super::{AttentionShape, HeadRows};

/// Rows of queries of a tile, about: position by position, each with the heads of the group.
const QUERIES: usize = 96;
/// Keys of a tile: their scores, twice in the derivative, stay in the second cache.
pub(super) const KEYS: usize = 256;

/// Neighbouring positions, whose queries are computed together.
#[derive(Clone)]
pub(super) struct Tile {
    pub(super) positions: Range<usize>,
    group: usize,
}

impl Tile {
    /// The rows of queries, without padding.
    pub(super) fn rows(&self) -> usize {
        self.positions.len() * self.group
    }

    pub(super) fn padded_rows(&self) -> usize {
        self.rows().next_multiple_of(LANES)
    }

    /// Which of a sequence's rows, `[T, G]`, these are.
    pub(super) fn all_rows(&self) -> Range<usize> {
        self.positions.start * self.group..self.positions.end * self.group
    }
}

impl AttentionShape {
    pub(super) fn padded_dim(&self) -> usize {
        self.head_dim.next_multiple_of(LANES)
    }

    pub(super) fn padded_length(&self) -> usize {
        self.length.next_multiple_of(LANES)
    }

    pub(super) fn tiles(&self) -> impl Iterator<Item = Tile> + use<> {
        let (length, group) = (self.length, self.group);
        let height = (QUERIES / group).max(1);
        let from = (0..length).step_by(height);
        from.map(move |from| Tile { positions: from..length.min(from + height), group })
    }

    /// The tiles of keys that some query of a tile sees; their bounds are multiples of sixteen.
    pub(super) fn key_tiles(&self, tile: &Tile) -> impl Iterator<Item = Range<usize>> + use<> {
        let first = self.first_seen(tile.positions.start) / LANES * LANES;
        let end = tile.positions.end.next_multiple_of(LANES);
        (first..end).step_by(KEYS).map(move |from| from..end.min(from + KEYS))
    }

    /// The keys that a row of queries sees, of `[T, G]` rows, within a tile of keys and counted from its first.
    pub(super) fn seen(&self, row: usize, keys: &Range<usize>) -> Range<usize> {
        let position = row / self.group;
        let within = |key: usize| key.clamp(keys.start, keys.end) - keys.start;
        within(self.first_seen(position))..within(position + 1)
    }
}

/// The heads of some rows as f32, one head a row, `[rows * heads, D]`, with padding of zeros on both sides.
pub(super) fn widen<T: Element>(
    rows: HeadRows<'_, T>,
    which: Range<usize>,
    head_dim: usize,
    out: &mut Vec<f32>,
) {
    let (height, width) = (which.len() * (rows.width / head_dim), head_dim.next_multiple_of(LANES));
    out.clear();
    out.resize(height.next_multiple_of(LANES) * width, 0.0);
    let heads = which.flat_map(|row| rows.row(row).chunks_exact(head_dim));
    for (out, head) in out.chunks_exact_mut(width).zip(heads) {
        for (out, value) in out.iter_mut().zip(head) {
            *out = value.to_f32();
        }
    }
}
