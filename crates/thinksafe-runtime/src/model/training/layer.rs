//! A decoder layer in a training pass.

use tch::Tensor;

use super::Gradients;
use super::attend::Attended;
use super::attention::{Context, Queried};
use super::mlp::Gated;
use crate::model::decoder::Layer;

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
    /// The residual stream between the two blocks, `[N, E]`.
    middle: Tensor,
    gated: Gated,
}

impl Layer {
    /// `[N, E]` to the layer's result, `[N, E]`; what is to be recomputed is not kept.
    pub(super) fn train(
        &self,
        x: &Tensor,
        context: Context<'_>,
        recompute: bool,
    ) -> (Tensor, Kept) {
        let (products, attended) = self.products(x, None, context);
        let mut y = self.mlp.output(&products.gated, context.adapters);
        let _ = y.g_add_(&products.middle);
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
        let Products { queried, o_low, middle, gated } = products;
        let normed = self.inner_norm.normalise(&middle);
        let dnormed = self.mlp.backward(&normed, gated, &dy, context.adapters, gradients);
        let mut dmiddle = dy;
        self.inner_norm.backward(&middle, &dnormed, &mut dmiddle, gradients);
        let normed = self.input_norm.normalise(&x);
        let products = (&queried, &attended, o_low.as_ref());
        let dnormed = self.attention.backward(&normed, products, &dmiddle, context, gradients);
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
        let mut middle = output.y;
        let _ = middle.g_add_(x);
        let gated = self.mlp.gate(&self.inner_norm.normalise(&middle), context.adapters);
        (Products { queried, o_low: output.low, middle, gated }, attended)
    }
}
