//! A projection in a training pass.

use tch::{Kind, Tensor};
use thinksafe_core::seed::Seed;

use super::Gradients;
use crate::model::linear::Linear;
use crate::model::weight::Weight;

/// Whether adapters take part, and what their dropout is drawn from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Adapters {
    /// They do not: the base model.
    Off,
    /// They do.
    On {
        /// The seed of this layer's dropout masks; none: no dropout.
        dropout: Option<Seed>,
    },
}

/// A projection's result, and the product with its adapter's A, which the derivative needs.
pub(super) struct Projected {
    /// `[N, out]`.
    pub(super) y: Tensor,
    /// `[N, rank]`.
    pub(super) low: Option<Tensor>,
}

impl Linear {
    /// `[N, in]` to `[N, out]`.
    pub(super) fn project(&self, x: &Tensor, adapters: Adapters, name: &str) -> Projected {
        let mut y = product(&self.weight, x, self.bias.as_ref().map(Weight::tensor));
        let low = self.low(x, adapters, name);
        if let (Some(adapter), Some(low)) = (&self.adapter, &low) {
            adapter.add_delta(low, &mut y);
        }
        Projected { y, low }
    }

    /// The product with the adapter's A, where there is an adapter that takes part.
    pub(super) fn low(&self, x: &Tensor, adapters: Adapters, name: &str) -> Option<Tensor> {
        match (&self.adapter, adapters) {
            (Some(adapter), Adapters::On { dropout }) => {
                Some(adapter.low(x, dropout.map(|seed| seed.purpose(name))))
            }
            _ => None,
        }
    }

    /// Adds the gradients of the parameters, and returns that of the input: `dx`, if there is one already, and this one.
    pub(super) fn backward(
        &self,
        step: Backward<'_>,
        dx: Option<Tensor>,
        gradients: &mut Gradients,
    ) -> Tensor {
        let Backward { x, low, dy, adapters, name } = step;
        if let Some(weight) = self.weight.in_libtorch()
            && let Some(dweight) = gradients.of(weight)
        {
            let _ = dweight.g_add_(&dy.tr().mm(x).to_kind(Kind::Float));
        }
        if let Some(bias) = &self.bias
            && let Some(dbias) = gradients.of(bias.tensor())
        {
            let _ = dbias.g_add_(&dy.sum_dim_intlist(0, false, Kind::Float));
        }
        let mut dx = product_back(&self.weight, dy, dx);
        if let (Some(adapter), Some(low), Adapters::On { dropout }) = (&self.adapter, low, adapters)
        {
            let dropout = dropout.map(|seed| seed.purpose(name));
            adapter.backward((x, low), dy, dropout, &mut dx, gradients);
        }
        dx
    }
}

/// `[N, in]` times the transpose of a weight `[out, in]`, with a bias `[out]`, if there is one.
pub(super) fn product(weight: &Weight, x: &Tensor, bias: Option<&Tensor>) -> Tensor {
    match (weight.frozen(), bias) {
        (Some(frozen), None) => frozen.product(x),
        (Some(frozen), Some(bias)) => frozen.product(x).g_add_(bias),
        (None, Some(bias)) => bias.addmm(x, &weight.tensor().tr()),
        (None, None) => x.mm(&weight.tensor().tr()),
    }
}

/// `[N, out]` times a weight `[out, in]`, added to `dx` if there is one already.
pub(super) fn product_back(weight: &Weight, dy: &Tensor, dx: Option<Tensor>) -> Tensor {
    match (weight.frozen(), dx) {
        (Some(frozen), dx) => frozen.product_back(dy, dx),
        (None, Some(mut dx)) => dx.addmm_(dy, weight.tensor()),
        (None, None) => dy.mm(weight.tensor()),
    }
}

/// What the derivative of a projection is computed from.
pub(super) struct Backward<'a> {
    /// The input, `[N, in]`.
    pub(super) x: &'a Tensor,
    /// The product with the adapter's A, `[N, rank]`.
    pub(super) low: Option<&'a Tensor>,
    /// The gradient of the result, `[N, out]`.
    pub(super) dy: &'a Tensor,
    pub(super) adapters: Adapters,
    pub(super) name: &'a str,
}
