//! A decoder layer in a training pass.

use tch::Tensor;

use super::Gradients;
use super::attend::Attended;
use super::attention::{Context, Queried};
use super::mlp::Gated;
use super::packed::Run;
use crate::model::decoder::{Layer, scaled};
use crate::model::norm::RmsNorm;

/// What a layer keeps between its forward and its backward pass.
pub(super) struct Kept {
    /// The layer's input, `[N, E]`.
    x: Tensor,
    /// Kept of a layer that is recomputed too, where attention is dear.
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
            let keep = attended.is_light() && self.has_dear_attention(context.runs);
            Kept { x, attended: keep.then_some(attended), products: None }
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

    /// Whether attention over these sequences takes more than a sixteenth of what the layer's products take.
    fn has_dear_attention(&self, runs: &[Run]) -> bool {
        let linears = self.attention.linears().into_iter().chain(self.mlp.linears());
        let weights: i64 = linears.map(|(_, linear)| linear.weight.len() as i64).sum();
        let tokens: i64 = runs.iter().map(|run| run.sequences * run.length).sum();
        16 * self.attention.multiplications(runs) > tokens * weights
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Precision;
    use crate::fixture::{SHAPES, model};

    #[test]
    fn attention_is_dear_where_a_token_sees_many_others() {
        let dear = |shape, sequences, length| {
            let model = model(shape, Precision::F32);
            let runs = [Run { start: 0, sequences, length }];
            model.decoder.layers[0].has_dear_attention(&runs)
        };
        let [whole, window] = [SHAPES[0], SHAPES[3]];
        assert!(!dear(whole, 1, 4) && !dear(whole, 1000, 4));
        assert!(dear(whole, 1, 300) && dear(whole, 1000, 300));
        assert!(!dear(window, 1, 300));
    }
}
