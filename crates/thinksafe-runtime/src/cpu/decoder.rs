//! The stack of layers between tokens and logits, one step at a time.

use std::borrow::Cow;

use thinksafe_kernels::{
    Element, PackedMatrix, Pool, Rows, Scan, add_rms_norm, matmul, rms_norm, soft_cap,
};

use crate::cpu::layer::{Heads, Layer, Scratch};
use crate::cpu::store::KvStore;
use crate::engine::PageId;

/// Rows whose logits are in memory at a time where only log-probabilities are wanted.
const PROJECTED: usize = 128;

/// One token of a step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<'a> {
    pub(crate) token: u32,
    /// Its position in its sequence, from 0. Keys and values of all earlier positions are in the pages, or among
    /// the rows before this one.
    pub(crate) position: usize,
    /// The sequence's pages, the one of this position included.
    pub(crate) pages: &'a [PageId],
    /// The adapter that computes it, if any.
    pub(crate) adapter: Option<usize>,
    /// Whether its logits are wanted.
    pub(crate) logits: bool,
}

/// A decoder with packed weights.
#[derive(Debug)]
pub(crate) struct CpuDecoder {
    /// The output head `[V, E]`.
    pub(super) head: PackedMatrix,
    /// The embedding `[V, E]`; `None` if it is the head.
    pub(super) embedding: Option<PackedMatrix>,
    pub(super) layers: Vec<Layer>,
    pub(super) norm: Vec<f32>,
    /// What embeddings are multiplied by.
    pub(super) embedding_scale: f32,
    /// What logits are divided by.
    pub(super) logit_divisor: f32,
    /// The soft cap of logits.
    pub(super) logit_cap: Option<f32>,
    pub(super) heads: Heads,
    /// D / 2.
    pub(super) frequencies: Vec<f32>,
    pub(super) scratch: Scratch,
    /// Cosines, then sines of each row, `[R, D]`.
    pub(super) turns: Vec<f32>,
}

impl CpuDecoder {
    /// Runs a step and returns the logits `[rows that want them, V]`, in the order of the rows.
    ///
    /// # Panics
    /// If a token is not below the vocabulary's size.
    pub(crate) fn step<C: Element>(
        &mut self,
        pool: &Pool,
        store: &mut KvStore<C>,
        rows: &[Row<'_>],
    ) -> Vec<f32> {
        if rows.is_empty() {
            return Vec::new();
        }
        let wanted = self.run(pool, store, rows);
        let mut logits = vec![0f32; wanted * self.head.outputs()];
        if wanted > 0 {
            self.project(pool, (self.scratch.normed.rows(), wanted), &mut logits);
        }
        logits
    }

    /// Runs a step of rows that all want logits, and returns for each the log-probability of the token that is said to
    /// follow it. Logits of only some rows are in memory at a time.
    ///
    /// # Panics
    /// If a token is not below the vocabulary's size, or there are not as many following tokens as rows.
    pub(crate) fn log_probabilities<C: Element>(
        &mut self,
        pool: &Pool,
        store: &mut KvStore<C>,
        (rows, following): (&[Row<'_>], &[u32]),
    ) -> Vec<f64> {
        assert_eq!(rows.len(), following.len(), "a token after each row");
        self.run(pool, store, rows);
        let (width, vocab) = (self.norm.len(), self.head.outputs());
        let mut logits = vec![0f32; rows.len().min(PROJECTED) * vocab];
        let mut found = vec![0f64; rows.len()];
        let parts = following.chunks(PROJECTED).zip(found.chunks_mut(PROJECTED));
        for (from, (following, found)) in (0..).step_by(PROJECTED).zip(parts) {
            let logits = &mut logits[..following.len() * vocab];
            let hidden = self.scratch.normed.rows().part(from..from + found.len(), width);
            self.project(pool, (hidden, found.len()), logits);
            let ends: Vec<usize> = (1..=found.len()).collect();
            pool.for_each_part(found, &ends, &|row, found| {
                let logits = &logits[row * vocab..][..vocab];
                let scan = Scan::new(pool.level(), logits);
                let chosen = f64::from(logits[following[row] as usize] - scan.most());
                found[0] = chosen - scan.sum_exp(pool.level(), logits, 1.0).ln();
            });
        }
        found
    }

    /// `[R, E]` to `[R, V]`.
    fn project(&self, pool: &Pool, hidden: (Rows<'_>, usize), logits: &mut [f32]) {
        matmul(pool, &self.head, hidden, logits);
        if self.logit_divisor != 1.0 {
            for logit in &mut *logits {
                *logit /= self.logit_divisor;
            }
        }
        if let Some(cap) = self.logit_cap {
            soft_cap(pool, logits, cap);
        }
    }

    /// Runs the rows through all layers and leaves the normalised states of those whose logits are wanted in `normed`;
    /// returns how many that are.
    ///
    /// Of the last layer the others leave keys and values, and no more: nothing would read it.
    fn run<C: Element>(&mut self, pool: &Pool, store: &mut KvStore<C>, rows: &[Row<'_>]) -> usize {
        self.embed(pool, rows);
        self.turn(pool, rows);
        self.scratch.tiles.arrange(self.heads, rows);
        let by = (pool, self.heads);
        let Heads { epsilon, residual, .. } = self.heads;
        let (scratch, width) = (&mut self.scratch, self.norm.len());
        let mut rows = Cow::Borrowed(rows);
        for (index, layer) in self.layers.iter().enumerate() {
            let norm = (layer.input_norm.as_slice(), epsilon);
            let out = scratch.normed.rows_mut(rows.len(), width);
            if index == 0 {
                rms_norm(pool, &scratch.x, norm, out);
            } else {
                let delta = (scratch.delta.as_slice(), residual);
                add_rms_norm(pool, &mut scratch.x, delta, norm, out);
            }
            layer.keep(by, (&rows, &self.turns), store.layer_mut(index), scratch);
            if index + 1 == self.layers.len() && !rows.iter().all(|row| row.logits) {
                scratch.narrow(self.heads, &rows);
                rows.to_mut().retain(|row| row.logits);
                scratch.tiles.arrange(self.heads, &rows);
            }
            if rows.is_empty() {
                return 0;
            }
            layer.forward(by, &rows, store.layer(index), scratch);
        }
        let norm = (self.norm.as_slice(), epsilon);
        let delta = (scratch.delta.as_slice(), residual);
        let out = scratch.normed.rows_mut(rows.len(), width);
        add_rms_norm(pool, &mut scratch.x, delta, norm, out);
        rows.len()
    }

    fn embed(&mut self, pool: &Pool, rows: &[Row<'_>]) {
        let Self { embedding, head, embedding_scale: scale, scratch, norm, .. } = self;
        let (embedding, width) = (embedding.as_ref().unwrap_or(head), norm.len());
        let vocab = embedding.outputs();
        assert!(rows.iter().all(|row| (row.token as usize) < vocab), "tokens below {vocab}");
        scratch.x.resize(rows.len() * width, 0.0);
        scratch.adapters.clear();
        scratch.adapters.extend(rows.iter().map(|row| row.adapter));
        pool.for_each_chunk(&mut scratch.x, width, &|row, x| {
            embedding.row(rows[row].token as usize, x);
            for value in x {
                *value *= *scale;
            }
        });
    }

    /// The turns of the rows' positions, by angles in f32 as `transformers` computes them.
    fn turn(&mut self, pool: &Pool, rows: &[Row<'_>]) {
        let Self { turns, frequencies, heads, .. } = self;
        turns.resize(rows.len() * heads.dim, 0.0);
        let ends: Vec<usize> = (1..=rows.len()).map(|row| row * heads.dim).collect();
        pool.for_each_part(turns, &ends, &|row, turns| {
            let (cos, sin) = turns.split_at_mut(frequencies.len());
            for ((cos, sin), frequency) in cos.iter_mut().zip(sin).zip(frequencies.iter()) {
                (*sin, *cos) = (rows[row].position as f32 * frequency).sin_cos();
            }
        });
    }
}
