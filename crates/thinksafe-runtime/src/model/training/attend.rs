//! Attention within each sequence of a packed batch, and its derivative.

use std::ops::Range;

use tch::{Kind, Tensor};

use super::packed::Run;
use crate::fused::{Sequences, attention, attention_backward};
use crate::model::attention::LayerAttention;
use crate::model::scores::{Scores, Seen};

/// Queries, keys and values of all tokens, rotated: `[N, H * D]`, `[N, K * D]`, `[N, K * D]`.
pub(super) struct Heads {
    pub(super) q: Tensor,
    pub(super) k: Tensor,
    pub(super) v: Tensor,
}

/// The gradients of [`Heads`] before their rotation.
pub(super) type HeadGradients = Heads;

/// The result of attention, and what its derivative needs beside the heads.
pub(super) struct Attended {
    /// `[N, H * D]`.
    pub(super) out: Tensor,
    kept: Kept,
}

enum Kept {
    /// The logarithms of the sums, from which our kernel's derivative computes the rest.
    LogSums(Tensor),
    /// Of each run, libtorch's own graph: inputs that collect gradients, and the result.
    Graphs(Vec<([Tensor; 3], Tensor)>),
}

impl Attended {
    /// Whether it holds little beside its result, so that it can outlive a layer whose other activations are recomputed.
    pub(super) fn is_light(&self) -> bool {
        matches!(self.kept, Kept::LogSums(_))
    }
}

/// Causal attention within each run's sequences; within the layer's window, where it has one.
pub(super) fn attend(heads: &Heads, runs: &[Run], dim: i64, layer: LayerAttention) -> Attended {
    let rows = rows(runs);
    let over = sequences(&rows, dim, layer);
    if let Some((out, log_sums)) = attention([&heads.q, &heads.k, &heads.v], over) {
        return Attended { out, kept: Kept::LogSums(log_sums) };
    }
    let attended = runs.iter().map(|run| {
        let inputs = [&heads.q, &heads.k, &heads.v].map(|x| run.heads(x, dim));
        let graph = graph(inputs, run.window_mask(layer.window, &heads.q).as_ref(), layer.scores);
        (run.rows(&graph.1), graph)
    });
    let (outs, graphs): (Vec<Tensor>, Vec<_>) = attended.unzip();
    Attended { out: joined(outs), kept: Kept::Graphs(graphs) }
}

/// The gradients of the heads from that of the result, `[N, H * D]`.
pub(super) fn attend_backward(
    heads: &Heads,
    attended: &Attended,
    dout: &Tensor,
    runs: &[Run],
    dim: i64,
    layer: LayerAttention,
) -> HeadGradients {
    let [q, k, v] = match &attended.kept {
        Kept::LogSums(log_sums) => {
            let (rows, result) = (rows(runs), (&attended.out, log_sums));
            let over = sequences(&rows, dim, layer);
            attention_backward([&heads.q, &heads.k, &heads.v], result, dout, over)
        }
        Kept::Graphs(graphs) => {
            let mut gradients = [const { Vec::new() }; 3];
            for (run, (inputs, out)) in runs.iter().zip(graphs) {
                let of_run = through_graph(inputs, out, &run.heads(dout, dim));
                for (all, gradient) in gradients.iter_mut().zip(of_run) {
                    all.push(run.rows(&gradient));
                }
            }
            gradients.map(joined)
        }
    };
    HeadGradients { q, k, v }
}

/// The rows of each sequence.
fn rows(runs: &[Run]) -> Vec<Range<usize>> {
    let of_run = |run: &Run| {
        let (start, length) = (run.start as usize, run.length as usize);
        (0..run.sequences as usize).map(move |i| start + i * length..start + (i + 1) * length)
    };
    runs.iter().flat_map(of_run).collect()
}

fn sequences(rows: &[Range<usize>], dim: i64, layer: LayerAttention) -> Sequences<'_> {
    Sequences {
        rows,
        head_dim: dim as usize,
        scale: layer.scores.scale as f32,
        cap: layer.scores.cap.map(|cap| cap as f32),
        window: layer.window.map(|window| window as usize),
    }
}

/// libtorch's attention over `[B, H, T, D]` of one run; query heads share key heads.
fn graph(inputs: [Tensor; 3], mask: Option<&Tensor>, scores: Scores) -> ([Tensor; 3], Tensor) {
    let inputs = inputs.map(|x| x.detach().set_requires_grad(true));
    let seen = mask.map_or(Seen::Earlier, Seen::Masked);
    let out = tch::with_grad(|| scores.attend(inputs.each_ref(), seen));
    (inputs, out)
}

fn through_graph(inputs: &[Tensor; 3], out: &Tensor, dout: &Tensor) -> [Tensor; 3] {
    let sum = tch::with_grad(|| (out * dout).sum(Kind::Float));
    let gradients = Tensor::run_backward(&[sum], inputs, false, false);
    <[Tensor; 3]>::try_from(gradients).expect("one gradient for each input")
}

/// The rows of all runs; of one run without a copy.
fn joined(mut parts: Vec<Tensor>) -> Tensor {
    match parts.len() {
        1 => parts.remove(0),
        _ => Tensor::cat(&parts, 0),
    }
}
