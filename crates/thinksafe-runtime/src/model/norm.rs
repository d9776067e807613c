//! Root mean square normalization (Zhang & Sennrich, 2019).

use tch::{Kind, Tensor};

use crate::Error;
use crate::model::ModelConfig;
use crate::model::weight::Weight;
use crate::model::weights::Source;

/// `weight * x / sqrt(mean(x^2) + eps)` over the last dimension; the mean in f32.
#[derive(Debug)]
pub(crate) struct RmsNorm {
    pub(super) weight: Weight,
    pub(super) eps: f64,
    /// Whether one plus the weight is meant.
    pub(super) unit_offset: bool,
}

impl RmsNorm {
    /// The norm of a block of values.
    pub(crate) fn new(
        source: &mut dyn Source,
        name: &str,
        config: &ModelConfig,
    ) -> Result<Self, Error> {
        let norm = Self::of_size(source, name, config.hidden_size, config)?;
        Ok(Self { unit_offset: config.unit_offset_norms, ..norm })
    }

    /// The norm of a query or key head.
    pub(crate) fn of_head(
        source: &mut dyn Source,
        name: &str,
        config: &ModelConfig,
    ) -> Result<Self, Error> {
        Self::of_size(source, name, config.head_dim, config)
    }

    fn of_size(
        source: &mut dyn Source,
        name: &str,
        size: i64,
        config: &ModelConfig,
    ) -> Result<Self, Error> {
        let weight = source.tensor(&format!("{name}.weight"), &[size])?;
        Ok(Self { weight, eps: config.rms_norm_eps, unit_offset: false })
    }

    /// Normalizes `[.., size]`.
    pub(crate) fn forward(&self, x: &Tensor) -> Tensor {
        let kind = x.kind();
        let wide = x.to_kind(Kind::Float);
        let mean = wide.square().mean_dim(-1, true, None);
        let scaled = wide * (mean + self.eps).rsqrt();
        if self.unit_offset {
            (scaled * self.factor()).to_kind(kind)
        } else {
            self.weight.tensor() * scaled.to_kind(kind)
        }
    }

    /// What is multiplied by.
    pub(super) fn factor(&self) -> Tensor {
        let weight = self.weight.tensor();
        if self.unit_offset { weight.to_kind(Kind::Float) + 1.0 } else { weight.shallow_clone() }
    }

    pub(crate) fn visit<'a>(&'a self, name: &str, visit: &mut dyn FnMut(String, &'a Weight)) {
        visit(format!("{name}.weight"), &self.weight);
    }
}
