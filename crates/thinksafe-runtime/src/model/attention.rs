//! Grouped-query attention (Ainslie et al., 2023) with rotary positions.

use tch::Tensor;

use crate::Error;
use crate::lora::Delta;
use crate::model::ModelConfig;
use crate::model::linear::Linear;
use crate::model::norm::RmsNorm;
use crate::model::rope::Rotation;
use crate::model::scores::{Scores, Seen};
use crate::model::weights::Source;

/// What a layer's queries attend to: the seam between the layers, which are written once, and what holds keys and
/// values: nothing beyond the pass itself in training, a cache in generation.
pub(crate) trait Attend {
    /// Attends for one layer.
    ///
    /// # Shapes
    /// - `q`: `[B, H, T, D]`, rotated
    /// - `k` (rotated), `v`: `[B, K, T, D]`, of the same tokens
    /// - result: `[B, H, T, D]`
    fn attend(&mut self, layer: LayerAttention, q: &Tensor, k: &Tensor, v: &Tensor) -> Tensor;
}

/// The facts about a layer that [`Attend`] needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LayerAttention {
    pub(crate) index: usize,
    pub(crate) window: Option<i64>,
    pub(crate) scores: Scores,
}

/// Projections, head norms and rotation around an [`Attend`].
#[derive(Debug)]
pub(crate) struct Attention {
    pub(super) q: Linear,
    pub(super) k: Linear,
    pub(super) v: Linear,
    pub(super) o: Linear,
    pub(super) q_norm: Option<RmsNorm>,
    pub(super) k_norm: Option<RmsNorm>,
    pub(super) head_dim: i64,
    pub(super) layer: LayerAttention,
}

impl Attention {
    pub(crate) fn new(
        source: &mut dyn Source,
        name: &str,
        config: &ModelConfig,
        index: usize,
    ) -> Result<Self, Error> {
        let (hidden, dim) = (config.hidden_size, config.head_dim);
        let mut linear =
            |part: &str, sizes, bias| Linear::new(source, &format!("{name}.{part}"), sizes, bias);
        let q = linear("q_proj", [hidden, config.heads * dim], config.qkv_bias)?;
        let k = linear("k_proj", [hidden, config.kv_heads * dim], config.qkv_bias)?;
        let v = linear("v_proj", [hidden, config.kv_heads * dim], config.qkv_bias)?;
        let o = linear("o_proj", [config.heads * dim, hidden], config.o_bias)?;
        let mut norm = |part: &str| {
            let name = format!("{name}.{part}");
            let norm = || RmsNorm::of_head(source, &name, config);
            config.qk_norm.then(norm).transpose()
        };
        let (q_norm, k_norm) = (norm("q_norm")?, norm("k_norm")?);
        let scores = Scores::new(config);
        let layer = LayerAttention { index, window: config.windows[index], scores };
        Ok(Self { q, k, v, o, q_norm, k_norm, head_dim: dim, layer })
    }

    /// `[B, T, E]` to `[B, T, E]`.
    pub(crate) fn forward(
        &self,
        x: &Tensor,
        rotation: &Rotation,
        keys: &mut dyn Attend,
        delta: Delta,
    ) -> Tensor {
        let q = rotation.apply(&self.heads(&self.q, x, self.q_norm.as_ref(), delta));
        let k = rotation.apply(&self.heads(&self.k, x, self.k_norm.as_ref(), delta));
        let v = self.heads(&self.v, x, None, delta);
        let mixed = keys.attend(self.layer, &q, &k, &v).transpose(1, 2); // [B, T, H, D]
        self.o.forward(&mixed.flatten(2, 3), delta)
    }

    /// Projects, splits into heads, and normalizes each: `[B, heads, T, D]`.
    fn heads(&self, linear: &Linear, x: &Tensor, norm: Option<&RmsNorm>, delta: Delta) -> Tensor {
        let (batch, tokens, _) = x.size3().expect("activations are [B, T, E]");
        let heads = linear.forward(x, delta).view([batch, tokens, -1, self.head_dim]);
        let heads = norm.map_or_else(|| heads.shallow_clone(), |norm| norm.forward(&heads));
        heads.transpose(1, 2)
    }

    pub(crate) fn linears(&self) -> [(&'static str, &Linear); 4] {
        [("q_proj", &self.q), ("k_proj", &self.k), ("v_proj", &self.v), ("o_proj", &self.o)]
    }

    pub(crate) fn linears_mut(&mut self) -> [(&'static str, &mut Linear); 4] {
        [
            ("q_proj", &mut self.q),
            ("k_proj", &mut self.k),
            ("v_proj", &mut self.v),
            ("o_proj", &mut self.o),
        ]
    }

    pub(crate) fn norms(&self) -> impl Iterator<Item = (&'static str, &RmsNorm)> {
        let q = self.q_norm.iter().map(|norm| ("q_norm", norm));
        q.chain(self.k_norm.iter().map(|norm| ("k_norm", norm)))
    }
}

/// Causal attention among the tokens of one pass, all sequences starting at position 0.
///
/// Right padding needs no mask: a padding token comes after every real token of its sequence, so none sees it. What
/// it computes itself is never used.
#[derive(Debug, Default)]
pub(crate) struct Causal {
    /// The mask of windowed layers, `[T, T]`; all windowed layers of a model share one window.
    mask: Option<Tensor>,
}

impl Attend for Causal {
    fn attend(&mut self, layer: LayerAttention, q: &Tensor, k: &Tensor, v: &Tensor) -> Tensor {
        let groups = q.size()[1] / k.size()[1];
        let (k, v) = (repeat_heads(k, groups), repeat_heads(v, groups));
        let tokens = q.size()[2];
        let mask = match layer.window {
            Some(window) if window < tokens => {
                Some(&*self.mask.get_or_insert_with(|| window_mask(q, tokens, window)))
            }
            _ => None,
        };
        layer.scores.attend([q, &k, &v], mask.map_or(Seen::Earlier, Seen::Masked))
    }
}

/// Repeats each of K heads for the queries that share it: `[B, K, T, D]` to `[B, K * groups, T, D]`.
pub(crate) fn repeat_heads(x: &Tensor, groups: i64) -> Tensor {
    if groups == 1 {
        return x.shallow_clone();
    }
    let (batch, heads, tokens, dim) = x.size4().expect("heads are [B, K, T, D]");
    x.unsqueeze(2).expand([batch, heads, groups, tokens, dim], false).reshape([
        batch,
        heads * groups,
        tokens,
        dim,
    ])
}

/// 0 where a token sees another, minus infinity elsewhere: `[T, T]`, of the kind and device of `like`.
fn window_mask(like: &Tensor, tokens: i64, window: i64) -> Tensor {
    let ones = Tensor::ones([tokens, tokens], (tch::Kind::Bool, like.device()));
    let seen = ones.tril(0).logical_and(&ones.triu(1 - window));
    let zeros = Tensor::zeros([tokens, tokens], (like.kind(), like.device()));
    zeros.masked_fill(&seen.logical_not(), f64::NEG_INFINITY)
}
