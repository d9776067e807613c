//! Attention of a step: which rows attend together, and where their results go.

use thinksafe_kernels::{Attention, Element, Pool, RowsMut, attend, store};

use crate::cpu::decoder::Row;
use crate::cpu::layer::Heads;
use crate::cpu::store::HeadBlocks;
use crate::engine::TOKENS_PER_PAGE;

/// Queries that a kernel computes together at no more cost in reading keys and values than one.
const QUERIES: usize = 8;

/// Consecutive rows that attend together: those of one sequence, as many as make [`QUERIES`] with a head's group.
#[derive(Debug, Default)]
pub(crate) struct Tiles {
    /// Where each tile's rows end.
    ends: Vec<usize>,
}

impl Tiles {
    /// Puts rows of the same sequence together.
    pub(crate) fn arrange(&mut self, heads: Heads, rows: &[Row<'_>]) {
        let most = (QUERIES / heads.group()).max(1);
        self.ends.clear();
        let mut from = 0;
        while from < rows.len() {
            let follows = |pair: &[Row<'_>]| {
                std::ptr::eq(pair[0].pages, pair[1].pages)
                    && pair[0].position + 1 == pair[1].position
            };
            from += 1 + rows[from..].windows(2).take(most - 1).take_while(|p| follows(p)).count();
            self.ends.push(from);
        }
    }

    /// Attends from every row to the positions of its sequence up to its own, within the layer's window.
    ///
    /// `qkv` is `[R, (H + 2 K) · D]`, `out` `[R, H · D]`.
    pub(crate) fn attend<C: Element>(
        &self,
        (pool, heads): (&Pool, Heads),
        (rows, window): (&[Row<'_>], Option<usize>),
        blocks: &[HeadBlocks<C>],
        qkv: &[f32],
        out: RowsMut<'_>,
    ) {
        let (group, dim) = (heads.group(), heads.dim);
        let cut = (self.ends.as_slice(), heads.kv_heads, group * dim);
        out.for_each_block(pool, cut, &|tile, head, out| {
            let first = self.ends[tile] - out.len();
            let rows = &rows[first..self.ends[tile]];
            let qkv = qkv[first * heads.qkv_width()..].chunks(heads.qkv_width()).take(rows.len());
            let q = qkv.flat_map(|row| row[head * group * dim..][..group * dim].chunks_exact(dim));
            let windows = rows.iter().flat_map(|row| {
                let length = row.position + 1;
                let first = window.map_or(0, |window| length.saturating_sub(window));
                std::iter::repeat_n(first..length, group)
            });
            let pages = rows[0].pages.iter();
            let attention = Attention {
                q: &q.collect::<Vec<_>>(),
                head_dim: dim,
                scale: heads.scale,
                softcap: heads.score_cap,
                blocks: &pages.map(|page| blocks[head].block(*page)).collect::<Vec<_>>(),
                windows: &windows.collect::<Vec<_>>(),
                out: &mut out
                    .iter_mut()
                    .flat_map(|row| row.chunks_exact_mut(dim))
                    .collect::<Vec<_>>(),
            };
            attend(pool.level(), attention);
        });
    }
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
            let of_head = |first: usize| &qkv[(first + head) * dim..][..dim];
            store(pool.level(), block, at, [of_head(queries), of_head(queries + kv_heads)]);
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
