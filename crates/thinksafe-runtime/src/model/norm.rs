//! Root mean square normalization (Zhang & Sennrich, 2019).

use tch::{Kind, Tensor};

use crate::Error;
use crate::model::weight::Weight;
use crate::model::weights::Source;

/// `weight * x / sqrt(mean(x^2) + eps)` over the last dimension; the mean in f32.
#[derive(Debug)]
pub(crate) struct RmsNorm {
    pub(super) weight: Weight,
    pub(super) eps: f64,
}

impl RmsNorm {
    pub(crate) fn new(
        source: &mut dyn Source,
        name: &str,
        size: i64,
        eps: f64,
    ) -> Result<Self, Error> {
        Ok(Self { weight: source.tensor(&format!("{name}.weight"), &[size])?, eps })
    }

    /// Normalizes `[.., size]`.
    pub(crate) fn forward(&self, x: &Tensor) -> Tensor {
        let kind = x.kind();
        let wide = x.to_kind(Kind::Float);
        let mean = wide.square().mean_dim(-1, true, None);
        let scaled = wide * (mean + self.eps).rsqrt();
        self.weight.tensor() * scaled.to_kind(kind)
    }

    pub(crate) fn visit<'a>(&'a self, name: &str, visit: &mut dyn FnMut(String, &'a Weight)) {
        visit(format!("{name}.weight"), &self.weight);
    }
}
