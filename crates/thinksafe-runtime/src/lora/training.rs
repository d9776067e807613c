//! An adapter in a training pass: its delta, and its gradients written out.
//!
//! The products are computed in the base's precision, A and B rounded to it where they are wider, as `transformers`' trainer
//! does under autocast; the gradients are summed in f32.

use tch::{Kind, Tensor};
use thinksafe_core::seed::Seed;

use crate::lora::Adapter;
use crate::model::Gradients;

impl Adapter {
    /// The product of the inputs with A, `[N, in]` to `[N, rank]`, which the delta and the derivative are made of.
    pub(crate) fn low(&self, x: &Tensor, dropout: Option<Seed>) -> Tensor {
        let a = self.a.to_kind(x.kind()).tr();
        self.mask(x, dropout).map_or_else(|| x.mm(&a), |mask| (x * mask).mm(&a))
    }

    /// Adds the delta to the base projection's result `y`, `[N, out]`.
    pub(crate) fn add_delta(&self, low: &Tensor, y: &mut Tensor) {
        let b = self.b.to_kind(y.kind()).tr();
        let _ = y.addmm_(&(low * self.scaling), &b);
    }

    /// Adds the gradients of A, B and `x`, from that of the projection's result.
    ///
    /// # Shapes
    /// `x`, `dx`: `[N, in]`, `low`: `[N, rank]`, `dy`: `[N, out]`
    pub(crate) fn backward(
        &self,
        (x, low): (&Tensor, &Tensor),
        dy: &Tensor,
        dropout: Option<Seed>,
        dx: &mut Tensor,
        gradients: &mut Gradients,
    ) {
        if let Some(db) = gradients.of(&self.b) {
            // This way round the product has its few rows in front, which libraries are faster at.
            add_scaled(&mut db.tr(), &low.tr().mm(dy), self.scaling);
        }
        let dlow = dy.mm(&self.b.to_kind(x.kind())) * self.scaling; // [N, rank]
        let mask = self.mask(x, dropout);
        if let Some(da) = gradients.of(&self.a) {
            let dropped = mask.as_ref().map_or_else(|| x.shallow_clone(), |mask| x * mask);
            add_scaled(da, &dlow.tr().mm(&dropped), 1.0);
        }
        let a = self.a.to_kind(x.kind());
        let _ = match mask {
            None => dx.addmm_(&dlow, &a),
            Some(mask) => dx.g_add_(&(dlow.mm(&a) * mask)),
        };
    }

    /// What dropout multiplies the input with: 0, or the inverse of the chance to stay. Drawn from libtorch's global
    /// generator after it was seeded, so that the same seed gives the same mask again.
    fn mask(&self, x: &Tensor, dropout: Option<Seed>) -> Option<Tensor> {
        let Seed(seed) = dropout.filter(|_| self.dropout > 0.0)?;
        tch::manual_seed(seed as i64);
        let stay = 1.0 - self.dropout;
        let mut mask = x.empty_like();
        let _ = mask.bernoulli_float_(stay);
        Some(mask.g_div_scalar_(stay))
    }
}

/// `sum += scale * addend`, in the kind of the sum.
fn add_scaled(sum: &mut Tensor, addend: &Tensor, scale: f64) {
    let mut addend = addend.to_kind(Kind::Float);
    let _ = sum.g_add_(&addend.g_mul_scalar_(scale));
}
