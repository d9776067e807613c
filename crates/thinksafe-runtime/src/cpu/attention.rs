//! Attention of a step: which rows attend together, and where their results go.

use std::ops::Range;

use thinksafe_kernels::{Attention, Element, Pool, attend, store_key, store_value};

use crate::cpu::decoder::Row;
use crate::cpu::layer::Heads;
use crate::cpu::store::HeadBlocks;
use crate::engine::TOKENS_PER_PAGE;

/// Queries that a kernel computes together at no more cost in reading keys and values than one.
const QUERIES: usize = 8;

/// Consecutive rows that attend together: those of one sequence, as many as make [`QUERIES`] with a head's group.
#[derive(Debug, Default)]
pub(crate) struct Tiles {
    rows: Vec<Range<usize>>,
    /// Where each tile's and head's results end in `[tile, kv head, row of the tile, group · D]`.
    ends: Vec<usize>,
    /// Results in that order, where it is not that of the rows.
    mixed: Vec<f32>,
}

impl Tiles {
    /// Puts rows of the same sequence together.
    pub(crate) fn arrange(&mut self, heads: Heads, rows: &[Row<'_>]) {
        let most = (QUERIES / heads.group()).max(1);
        self.rows.clear();
        self.ends.clear();
        let mut from = 0;
        let mut end = 0;
        while from < rows.len() {
            let follows = |pair: &[Row<'_>]| {
                std::ptr::eq(pair[0].pages, pair[1].pages)
                    && pair[0].position + 1 == pair[1].position
            };
            let count =
                1 + rows[from..].windows(2).take(most - 1).take_while(|p| follows(p)).count();
            self.rows.push(from..from + count);
            for _ in 0..heads.kv_heads {
                end += count * heads.group() * heads.dim;
                self.ends.push(end);
            }
            from += count;
        }
    }

    /// Attends from every row to the positions of its sequence up to its own, within the layer's window.
    ///
    /// `qkv` is `[R, (H + 2 K) · D]`, `out` `[R, H · D]`.
    pub(crate) fn attend<C: Element>(
        &mut self,
        (pool, heads): (&Pool, Heads),
        (rows, window): (&[Row<'_>], Option<usize>),
        blocks: &[HeadBlocks<C>],
        qkv: &[f32],
        out: &mut Vec<f32>,
    ) {
        let Self { rows: tiles, ends, mixed } = self;
        let width = heads.heads * heads.dim;
        out.resize(rows.len() * width, 0.0);
        let in_order = tiles.len() == rows.len();
        mixed.resize(if in_order { 0 } else { out.len() }, 0.0);
        let results = if in_order { &mut *out } else { &mut *mixed };
        pool.for_each_part(results, ends, &|index, out| {
            let (tile, head) = (index / heads.kv_heads, index % heads.kv_heads);
            let rows = &rows[tiles[tile].clone()];
            let q = queries(heads, &qkv[tiles[tile].start * heads.qkv_width()..], rows.len(), head);
            let windows = rows.iter().flat_map(|row| {
                let length = row.position + 1;
                let first = window.map_or(0, |window| length.saturating_sub(window));
                std::iter::repeat_n(first..length, heads.group())
            });
            let windows: Vec<Range<usize>> = windows.collect();
            let pages = rows[0].pages.iter();
            let blocks: Vec<&[C]> = pages.map(|page| blocks[head].block(*page)).collect();
            let (blocks, windows) = (blocks.as_slice(), windows.as_slice());
            let attention = Attention {
                q: q.as_ref(),
                head_dim: heads.dim,
                scale: heads.scale,
                softcap: heads.score_cap,
                blocks,
                windows,
                out,
            };
            attend(pool.level(), attention);
        });
        if !in_order {
            bring_in_order(pool, heads, (tiles, mixed), out);
        }
    }
}

/// The queries of one key-value head in the first `count` rows of `qkv`.
fn queries(heads: Heads, qkv: &[f32], count: usize, head: usize) -> std::borrow::Cow<'_, [f32]> {
    let group = heads.group() * heads.dim;
    let of_row = |row: usize| &qkv[row * heads.qkv_width() + head * group..][..group];
    if count == 1 {
        return of_row(0).into();
    }
    let mut queries = Vec::with_capacity(count * group);
    for row in 0..count {
        queries.extend_from_slice(of_row(row));
    }
    queries.into()
}

/// From `[tile, kv head, row of the tile, group · D]` to `[row, kv head, group · D]`.
fn bring_in_order(
    pool: &Pool,
    heads: Heads,
    (tiles, mixed): (&[Range<usize>], &[f32]),
    out: &mut [f32],
) {
    let (width, group) = (heads.heads * heads.dim, heads.group() * heads.dim);
    let ends: Vec<usize> = tiles.iter().map(|rows| rows.end * width).collect();
    pool.for_each_part(out, &ends, &|tile, out| {
        let rows = tiles[tile].clone();
        let mixed = &mixed[rows.start * width..rows.end * width];
        for (index, out) in out.chunks_exact_mut(group).enumerate() {
            let (row, head) = (index / heads.kv_heads, index % heads.kv_heads);
            let from = (head * rows.len() + row) * group;
            out.copy_from_slice(&mixed[from..][..group]);
        }
    });
}

/// Puts the rows' keys and values into their pages.
pub(crate) fn keep<C: Element>(
    (pool, heads): (&Pool, Heads),
    rows: &[Row<'_>],
    qkv: &[f32],
    blocks: &mut [HeadBlocks<C>],
) {
    let Heads { heads: queries, kv_heads, dim, .. } = heads;
    let keep = |head: usize, blocks: &mut HeadBlocks<C>| {
        for (row, qkv) in rows.iter().zip(qkv.chunks_exact(heads.qkv_width())) {
            let at = row.position % TOKENS_PER_PAGE;
            let block = blocks.block_mut(row.pages[row.position / TOKENS_PER_PAGE]);
            store_key(block, at, &qkv[(queries + head) * dim..][..dim]);
            store_value(block, at, &qkv[(queries + kv_heads + head) * dim..][..dim]);
        }
    };
    // A few rows are stored sooner than handed out.
    if rows.len() < 16 {
        blocks.iter_mut().enumerate().for_each(|(head, blocks)| keep(head, blocks));
    } else {
        let ends: Vec<usize> = (1..=blocks.len()).collect();
        pool.for_each_part(blocks, &ends, &|head, blocks| keep(head, &mut blocks[0]));
    }
}
