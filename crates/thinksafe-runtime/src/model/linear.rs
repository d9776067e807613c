//! A linear projection with an optional bias and an optional low-rank adapter.

use tch::{Kind, Tensor};

use crate::Error;
use crate::lora::{Adapter, Delta};
use crate::model::weight::Weight;
use crate::model::weights::Source;

/// `y = x W^T + b`, plus the adapter's delta while it is on.
#[derive(Debug)]
pub(crate) struct Linear {
    pub(super) weight: Weight, // [out, in]
    pub(super) bias: Option<Weight>,
    pub(crate) adapter: Option<Adapter>,
}

impl Linear {
    pub(crate) fn new(
        source: &mut dyn Source,
        name: &str,
        [input, output]: [i64; 2],
        bias: bool,
    ) -> Result<Self, Error> {
        let weight = source.tensor(&format!("{name}.weight"), &[output, input])?;
        let bias = bias.then(|| source.tensor(&format!("{name}.bias"), &[output])).transpose()?;
        Ok(Self { weight, bias, adapter: None })
    }

    /// `[.., in]` to `[.., out]`.
    pub(crate) fn forward(&self, x: &Tensor, delta: Delta) -> Tensor {
        let base = x.linear(self.weight.tensor(), self.bias.as_ref().map(Weight::tensor));
        match (&self.adapter, delta) {
            (Some(adapter), Delta::Added { dropout }) => adapter.add_to(&base, x, dropout),
            _ => base,
        }
    }

    /// Input and output width.
    pub(crate) fn sizes(&self) -> [i64; 2] {
        let size = self.weight.shape();
        [size[1], size[0]]
    }

    /// Adds the adapter's product to the weight, in f32, and drops the adapter.
    pub(crate) fn merge(&mut self) {
        if let Some(adapter) = self.adapter.take() {
            let mut weight = self.weight.tensor().shallow_clone();
            let merged = weight.to_kind(Kind::Float) + adapter.product();
            tch::no_grad(|| weight.copy_(&merged));
        }
    }

    pub(crate) fn device(&self) -> tch::Device {
        self.weight.device()
    }

    pub(crate) fn visit<'a>(&'a self, name: &str, visit: &mut dyn FnMut(String, &'a Weight)) {
        visit(format!("{name}.weight"), &self.weight);
        if let Some(bias) = &self.bias {
            visit(format!("{name}.bias"), bias);
        }
    }
}
