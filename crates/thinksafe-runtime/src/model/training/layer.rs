//! A decoder layer in a training pass.

use tch::Tensor;

use super::Gradients;
use super::attend::Attended;
use super::attention::{Context, Queried};
use super::mlp::Gated;
use crate::model::decoder::{Layer, scaled};
use crate::model::norm::RmsNorm;

/// What a layer keeps between its forward and its backward pass.
pub(super) struct Kept {
    /// The layer's input, `[N, E]`.
    x: Tensor,
    /// Attention is the dearest to compute again and its result the smallest of what is computed.
    attended: Option<Attended>,
    /// The rest, unless it is recomputed.
    products: Option<Products>,
}

/// The products that the derivative needs; what lies between them is computed again.
struct Products {
    queried: Queried,
    o_low: Option<Tensor>,
    /// The attention block's result, where a norm follows, `[N, E]`.
    mixed: Option<Tensor>,
    /// The residual stream between the two blocks, `[N, E]`.
    middle: Tensor,
    gated: Gated,
    /// The feed-forward block's result, where a norm follows and it was kept, `[N, E]`.
    inner: Option<Tensor>,
}

impl Layer {
    /// `[N, E]` to the layer's result, `[N, E]`; what is to be recomputed is not kept.
    pub(super) fn train(
        &self,
        x: &Tensor,
        context: Context<'_>,
        recompute: bool,
    ) -> (Tensor, Kept) {
        let (mut products, attended) = self.products(x, None, context);
        let inner = self.mlp.output(&products.gated, context.adapters);
        let (mut y, inner) = self.added(inner, self.after_mlp.as_ref());
        let _ = y.g_add_(&products.middle);
        products.inner = inner;
        let x = x.shallow_clone();
        let kept = if recompute {
            Kept { x, attended: Some(attended).filter(Attended::is_light), products: None }
        } else {
            Kept { x, attended: Some(attended), products: Some(products) }
        };
        (y, kept)
    }

    /// The gradient of the layer's input from that of its result; the parameters' are added to `gradients`.
    pub(super) fn backward(
        &self,
        kept: Kept,
        dy: Tensor,
        context: Context<'_>,
        gradients: &mut Gradients,
    ) -> Tensor {
        let Kept { x, attended, products } = kept;
        let (products, attended) = match (products, attended) {
            (Some(products), Some(attended)) => (products, attended),
            (_, attended) => self.products(&x, attended, context),
        };
        let Products { queried, o_low, mixed, middle, gated, inner } = products;
        let inner = || inner.unwrap_or_else(|| self.mlp.output(&gated, context.adapters));
        let dinner = match &self.after_mlp {
            Some(norm) => self.added_backward(Some((norm, &inner())), &dy, gradients),
            None => self.added_backward(None, &dy, gradients),
        };
        let normed = self.inner_norm.normalise(&middle);
        let dnormed = self.mlp.backward(&normed, gated, &dinner, context.adapters, gradients);
        let mut dmiddle = dy;
        self.inner_norm.backward(&middle, &dnormed, &mut dmiddle, gradients);
        let after = self.after_attention.as_ref().zip(mixed.as_ref());
        let dmixed = self.added_backward(after, &dmiddle, gradients);
        let normed = self.input_norm.normalise(&x);
        let products = (&queried, &attended, o_low.as_ref());
        let dnormed = self.attention.backward(&normed, products, &dmixed, context, gradients);
        let mut dx = dmiddle;
        self.input_norm.backward(&x, &dnormed, &mut dx, gradients);
        dx
    }

    fn products(
        &self,
        x: &Tensor,
        attended: Option<Attended>,
        context: Context<'_>,
    ) -> (Products, Attended) {
        let queried = self.attention.query(&self.input_norm.normalise(x), context);
        let attended = attended.unwrap_or_else(|| self.attention.attend(&queried, context));
        let output = self.attention.output(&attended.out, context);
        let (mut middle, mixed) = self.added(output.y, self.after_attention.as_ref());
        let _ = middle.g_add_(x);
        let gated = self.mlp.gate(&self.inner_norm.normalise(&middle), context.adapters);
        (Products { queried, o_low: output.low, mixed, middle, gated, inner: None }, attended)
    }

    /// What of a block's result is added to the stream; and the result itself, where a norm follows it.
    fn added(&self, block: Tensor, norm: Option<&RmsNorm>) -> (Tensor, Option<Tensor>) {
        match norm {
            Some(norm) => (scaled(norm.normalise(&block), self.residual), Some(block)),
            None => (scaled(block, self.residual), None),
        }
    }

    /// The gradient of a block's result from that of the stream; with the norm that follows it, and the result.
    fn added_backward(
        &self,
        after: Option<(&RmsNorm, &Tensor)>,
        dy: &Tensor,
        gradients: &mut Gradients,
    ) -> Tensor {
        let dadded = scaled(dy.shallow_clone(), self.residual);
        let Some((norm, block)) = after else { return dadded };
        let mut dblock = block.zeros_like();
        norm.backward(block, &dadded, &mut dblock, gradients);
        dblock
    }
}
