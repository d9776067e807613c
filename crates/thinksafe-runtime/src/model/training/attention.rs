//! The attention block in a training pass.

use tch::Tensor;

use super::Gradients;
use super::attend::{Attended, Heads, attend, attend_backward};
use super::linear::{Adapters, Backward, Projected};
use super::packed::Run;
use crate::fused::{Angles, rotary, rotary_backward, rotary_weight_gradient};
use crate::model::attention::Attention;
use crate::model::norm::RmsNorm;

/// Projected queries, keys and values, neither normalised nor rotated.
pub(super) struct Queried {
    pub(super) q: Projected,
    pub(super) k: Projected,
    pub(super) v: Projected,
}

/// Where the tokens are, and whether adapters take part.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) angles: &'a Angles,
    pub(super) runs: &'a [Run],
    pub(super) adapters: Adapters,
}

impl Attention {
    /// From the normalised input `[N, E]`.
    pub(super) fn query(&self, x: &Tensor, context: Context<'_>) -> Queried {
        let adapters = context.adapters;
        Queried {
            q: self.q.project(x, adapters, "q_proj"),
            k: self.k.project(x, adapters, "k_proj"),
            v: self.v.project(x, adapters, "v_proj"),
        }
    }

    /// The mixed values, `[N, H * D]`.
    pub(super) fn attend(&self, queried: &Queried, context: Context<'_>) -> Attended {
        attend(&self.turned(queried, context), context.runs, self.head_dim, self.layer)
    }

    /// What [`Self::attend`] multiplies over these sequences.
    pub(super) fn multiplications(&self, runs: &[Run]) -> i64 {
        let width = self.o.weight.shape()[1]; // H * D
        let pairs = |run: &Run| {
            // Of the sequence a token sees half on average; of a window that is much shorter, all.
            let span = self.layer.window.map_or(run.length, |window| run.length.min(2 * window));
            run.sequences * run.length * span / 2
        };
        // One for the score of a pair, one for the value.
        2 * width * runs.iter().map(pairs).sum::<i64>()
    }

    /// Normalises and rotates.
    fn turned(&self, queried: &Queried, context: Context<'_>) -> Heads {
        let turned = |projected: &Projected, norm: &Option<RmsNorm>| {
            rotary(&projected.y, norm.as_ref().map(RmsNorm::of_heads), context.angles)
        };
        Heads {
            q: turned(&queried.q, &self.q_norm),
            k: turned(&queried.k, &self.k_norm),
            v: queried.v.y.shallow_clone(),
        }
    }

    /// The output projection of `[N, H * D]`.
    pub(super) fn output(&self, attended: &Tensor, context: Context<'_>) -> Projected {
        self.o.project(attended, context.adapters, "o_proj")
    }

    /// The gradient of the normalised input `x` from that of the block's result.
    pub(super) fn backward<'a>(
        &self,
        x: &'a Tensor,
        (queried, attended, o_low): (&'a Queried, &'a Attended, Option<&Tensor>),
        dy: &Tensor,
        context: Context<'_>,
        gradients: &mut Gradients,
    ) -> Tensor {
        let adapters = context.adapters;
        let step = Backward { x: &attended.out, low: o_low, dy, adapters, name: "o_proj" };
        let dout = self.o.backward(step, None, gradients);
        let heads = self.turned(queried, context);
        let (dim, layer) = (self.head_dim, self.layer);
        let turned = attend_backward(&heads, attended, &dout, context.runs, dim, layer);
        let dq = head_backward(&queried.q.y, self.q_norm.as_ref(), &turned.q, context, gradients);
        let dk = head_backward(&queried.k.y, self.k_norm.as_ref(), &turned.k, context, gradients);
        let step = |projected: &'a Projected, dy, name| {
            let low = projected.low.as_ref();
            Backward { x, low, dy, adapters, name }
        };
        let dx = self.q.backward(step(&queried.q, &dq, "q_proj"), None, gradients);
        let dx = self.k.backward(step(&queried.k, &dk, "k_proj"), Some(dx), gradients);
        self.v.backward(step(&queried.v, &turned.v, "v_proj"), Some(dx), gradients)
    }
}

/// The gradient of a projection before its heads were normalised and rotated.
fn head_backward(
    x: &Tensor,
    norm: Option<&RmsNorm>,
    dout: &Tensor,
    context: Context<'_>,
    gradients: &mut Gradients,
) -> Tensor {
    let norm = norm.map(RmsNorm::of_heads);
    if let Some(norm) = norm
        && let Some(dweight) = gradients.of(norm.weight)
    {
        let _ = dweight.g_add_(&rotary_weight_gradient(x, norm, context.angles, dout));
    }
    rotary_backward(x, norm, context.angles, dout)
}
