//! From queries, keys and values to what is mixed of them.

use tch::{Kind, Tensor};

use crate::model::ModelConfig;
use crate::model::attention::repeat_heads;

/// How products of queries and keys become scores.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scores {
    /// What they are multiplied by.
    pub(crate) scale: f64,
    /// Their soft cap, if they have one.
    pub(crate) cap: Option<f64>,
}

/// Which keys a query sees.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Seen<'a> {
    /// Those of its own position and of all before; there are as many queries as keys.
    Earlier,
    /// Those where this is 0; minus infinity elsewhere. Of a shape that scores can be added to.
    Masked(&'a Tensor),
}

impl Scores {
    pub(crate) fn new(config: &ModelConfig) -> Self {
        Self { scale: config.scales.attention, cap: config.scales.attention_cap }
    }

    /// The values mixed by the softmax of the scores: by a fused kernel, or, since libtorch has none with a cap, through
    /// all scores in f32.
    ///
    /// # Shapes
    /// - `q`: `[B, H, T, D]`
    /// - `k`, `v`: `[B, K, S, D]`, K a divisor of H
    /// - result: `[B, H, T, D]`
    pub(crate) fn attend(self, [q, k, v]: [&Tensor; 3], seen: Seen<'_>) -> Tensor {
        let groups = q.size()[1] / k.size()[1];
        let Some(cap) = self.cap else {
            let (mask, causal) = match seen {
                Seen::Earlier => (None, true),
                Seen::Masked(mask) => (Some(mask), false),
            };
            let scale = Some(self.scale);
            let grouped = groups > 1;
            return Tensor::scaled_dot_product_attention(
                q, k, v, mask, 0.0, causal, scale, grouped,
            );
        };
        let [k, v] = [k, v].map(|x| repeat_heads(&x.to_kind(Kind::Float), groups));
        let scores = q.to_kind(Kind::Float).matmul(&k.transpose(2, 3)) * self.scale;
        let scores = (scores / cap).tanh() * cap;
        let scores = match seen {
            Seen::Earlier => scores.masked_fill(&later(&scores), f64::NEG_INFINITY),
            Seen::Masked(mask) => scores + mask,
        };
        scores.softmax(-1, Kind::Float).matmul(&v).to_kind(q.kind())
    }
}

/// Where a key stands behind a query: `[T, T]`.
fn later(scores: &Tensor) -> Tensor {
    let tokens = scores.size()[2];
    Tensor::ones([tokens, tokens], (Kind::Bool, scores.device())).triu(1)
}
