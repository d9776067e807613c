//! Attention within each sequence of a packed batch, and its derivative.

use tch::{Device, Kind, Tensor};

use super::packed::Run;
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
    runs: Vec<AttendedRun>,
}

enum AttendedRun {
    /// The kernel that says the logarithms of its sums, `[B, H, T]`: its derivative recomputes the rest.
    Flash { out: Tensor, log_sums: Tensor },
    /// Whatever libtorch does on a device, or with a cap, with its own graph: inputs that collect gradients, and the result.
    Graph { inputs: [Tensor; 3], out: Tensor },
}

impl Attended {
    /// Whether it holds little beside its result, so that it can outlive a layer whose other activations are recomputed.
    pub(super) fn is_light(&self) -> bool {
        self.runs.iter().all(|run| matches!(run, AttendedRun::Flash { .. }))
    }
}

/// Causal attention within each run's sequences; within a window, where there is one.
pub(super) fn attend(heads: &Heads, runs: &[Run], dim: i64, layer: LayerAttention) -> Attended {
    let attended: Vec<(Tensor, AttendedRun)> = runs
        .iter()
        .map(|run| {
            let [q, k, v] = [&heads.q, &heads.k, &heads.v].map(|x| run.heads(x, dim));
            let mask = run.window_mask(layer.window, &q);
            let attended = attend_run([&q, &k, &v], mask.as_ref(), layer.scores);
            (run.rows(attended.out()), attended)
        })
        .collect();
    let (outs, runs): (Vec<Tensor>, Vec<AttendedRun>) = attended.into_iter().unzip();
    Attended { out: joined(outs), runs }
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
    let (mut dq, mut dk, mut dv) = (Vec::new(), Vec::new(), Vec::new());
    for (run, attended) in runs.iter().zip(&attended.runs) {
        let [q, k, v, dout] = [&heads.q, &heads.k, &heads.v, dout].map(|x| run.heads(x, dim));
        let mask = run.window_mask(layer.window, &q);
        let gradients = match attended {
            AttendedRun::Flash { out, log_sums } => {
                let (causal, mask) = (mask.is_none(), mask.as_ref());
                let scale = layer.scores.scale;
                Tensor::internal_scaled_dot_product_flash_attention_for_cpu_backward(
                    &dout, &q, &k, &v, out, log_sums, 0.0, causal, mask, scale,
                )
                .into()
            }
            AttendedRun::Graph { inputs, out } => through_graph(inputs, out, &dout),
        };
        let [q, k, v]: [Tensor; 3] = gradients;
        dq.push(run.rows(&q));
        dk.push(run.rows(&k));
        dv.push(run.rows(&v));
    }
    HeadGradients { q: joined(dq), k: joined(dk), v: joined(dv) }
}

impl AttendedRun {
    fn out(&self) -> &Tensor {
        match self {
            Self::Flash { out, .. } | Self::Graph { out, .. } => out,
        }
    }
}

/// `[B, H, T, D]` of one run; query heads share key heads.
fn attend_run([q, k, v]: [&Tensor; 3], mask: Option<&Tensor>, scores: Scores) -> AttendedRun {
    let causal = mask.is_none();
    // No kernel has a cap.
    if q.device() == Device::Cpu && scores.cap.is_none() {
        let (out, log_sums) = Tensor::internal_scaled_dot_product_flash_attention_for_cpu(
            q,
            k,
            v,
            0.0,
            causal,
            mask,
            scores.scale,
        );
        return AttendedRun::Flash { out, log_sums };
    }
    let inputs = [q, k, v].map(|x| x.detach().set_requires_grad(true));
    let seen = mask.map_or(Seen::Earlier, Seen::Masked);
    let out = tch::with_grad(|| scores.attend(inputs.each_ref(), seen));
    AttendedRun::Graph { inputs, out }
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
