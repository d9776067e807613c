//! Normalisation in a training pass.

use tch::Tensor;

use super::Gradients;
use crate::fused::{HeadNorm, rms_norm, rms_norm_backward, rms_norm_weight_gradient};
use crate::model::norm::RmsNorm;

impl RmsNorm {
    /// `[N, E]` to the same.
    pub(super) fn normalise(&self, x: &Tensor) -> Tensor {
        rms_norm(x, &self.factor(), self.eps)
    }

    /// Adds the gradient of the input to `dx`, and that of the weight.
    pub(super) fn backward(
        &self,
        x: &Tensor,
        dout: &Tensor,
        dx: &mut Tensor,
        gradients: &mut Gradients,
    ) {
        let weight = self.weight.tensor();
        if let Some(dweight) = gradients.of(weight) {
            let _ = dweight.g_add_(&rms_norm_weight_gradient(x, self.eps, dout));
        }
        rms_norm_backward(x, &self.factor(), self.eps, dout, dx);
    }

    /// As the norm of a head, which is never one plus its weight.
    pub(super) fn of_heads(&self) -> HeadNorm<'_> {
        HeadNorm { weight: self.weight.tensor(), epsilon: self.eps }
    }
}
