//! AdamW over plain tensors, with state that can be saved, and gradient clipping.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::Error;

/// The settings of AdamW (Loshchilov and Hutter, 2019).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdamWConfig {
    /// The peak learning rate.
    pub lr: f64,
    /// The decay rates of the first and second moment.
    pub betas: (f64, f64),
    /// Added to the denominator.
    pub eps: f64,
    /// Decoupled weight decay. Vectors (norms, biases) are exempt, as with `transformers`.
    pub weight_decay: f64,
}

impl Default for AdamWConfig {
    /// The paper's: learning rate 1e-5, no weight decay, PyTorch's betas and epsilon.
    fn default() -> Self {
        Self { lr: 1e-5, betas: (0.9, 0.999), eps: 1e-8, weight_decay: 0.0 }
    }
}

impl AdamWConfig {
    /// Checks every setting.
    ///
    /// # Errors
    /// [`Error::Config`] with the first that is out of range.
    pub fn validate(&self) -> Result<(), Error> {
        let check = |ok: bool, field, expected: &str, found: f64| {
            if ok {
                return Ok(());
            }
            Err(Error::Config { field, reason: format!("expected {expected}, found {found}") })
        };
        let (beta1, beta2) = self.betas;
        let finite_from_0 = |value: f64| value.is_finite() && value >= 0.0;
        check(finite_from_0(self.lr), "optimizer.lr", "a number from 0", self.lr)?;
        check((0.0..1.0).contains(&beta1), "optimizer.betas", "numbers in [0, 1)", beta1)?;
        check((0.0..1.0).contains(&beta2), "optimizer.betas", "numbers in [0, 1)", beta2)?;
        check(finite_from_0(self.eps), "optimizer.eps", "a number from 0", self.eps)?;
        let decay = self.weight_decay;
        check(finite_from_0(decay), "optimizer.weight_decay", "a number from 0", decay)
    }
}

/// AdamW with the update of `torch.optim.AdamW`, its state in f32.
#[derive(Debug)]
pub struct AdamW {
    config: AdamWConfig,
    steps: u64,
    moments: Vec<Moments>,
}

/// The running averages of one parameter's gradient and of its square.
#[derive(Debug)]
pub(crate) struct Moments {
    pub(crate) first: Tensor,
    pub(crate) second: Tensor,
}

impl AdamW {
    /// An optimizer for parameters of these shapes, on their device, with empty state.
    pub fn new(config: AdamWConfig, parameters: &[Tensor]) -> Self {
        let zeros = |p: &Tensor| Tensor::zeros(p.size(), (Kind::Float, p.device()));
        let moments =
            parameters.iter().map(|p| Moments { first: zeros(p), second: zeros(p) }).collect();
        Self { config, steps: 0, moments }
    }

    /// How many updates were made.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    pub(crate) fn moments(&self) -> &[Moments] {
        &self.moments
    }

    pub(crate) fn restore(&mut self, steps: u64, moments: Vec<Moments>) {
        self.steps = steps;
        self.moments = moments;
    }

    /// Updates the parameters from their gradients at a learning rate.
    ///
    /// `parameters` are f32 and `gradients` of their shapes, both in the order given to [`new`](Self::new).
    /// With m and v the averages, bias-corrected: p <- p (1 - lr wd) - lr m / (sqrt(v) + eps).
    pub fn step(&mut self, parameters: &[Tensor], gradients: &[Tensor], lr: f64) {
        self.steps += 1;
        let (beta1, beta2) = self.config.betas;
        let exponent = self.steps as f64;
        let correction1 = 1.0 - beta1.powf(exponent);
        let correction2 = (1.0 - beta2.powf(exponent)).sqrt();
        tch::no_grad(|| {
            let states = gradients.iter().zip(&mut self.moments);
            for (parameter, (gradient, moments)) in parameters.iter().zip(states) {
                let mut parameter = parameter.shallow_clone();
                if self.config.weight_decay > 0.0 && parameter.dim() > 1 {
                    let _ = parameter.g_mul_scalar_(1.0 - lr * self.config.weight_decay);
                }
                let _ = moments.first.lerp_(gradient, 1.0 - beta1);
                let _ = moments.second.g_mul_scalar_(beta2);
                let _ = moments.second.addcmul_(gradient, &(gradient * (1.0 - beta2)));
                let denominator =
                    moments.second.sqrt().g_div_scalar_(correction2).g_add_scalar_(self.config.eps);
                let mut update = &moments.first / denominator;
                let _ = parameter.g_add_(&update.g_mul_scalar_(-lr / correction1));
            }
        });
    }
}

/// Scales all gradients so that their joint 2-norm is at most `max_norm`, and returns the norm before, as a scalar
/// tensor on their device: nothing waits for the device.
///
/// The formula is that of `torch.nn.utils.clip_grad_norm_`: the factor is `max_norm / (norm + 1e-6)`, at most 1.
/// Without `max_norm` the norm is only measured.
pub fn clip_gradients(gradients: &[Tensor], max_norm: Option<f64>) -> Tensor {
    tch::no_grad(|| {
        if gradients.is_empty() {
            return Tensor::zeros([], (Kind::Float, tch::Device::Cpu));
        }
        let norms: Vec<Tensor> = gradients.iter().map(Tensor::norm).collect();
        let norm = Tensor::stack(&norms, 0).norm();
        if let Some(max_norm) = max_norm {
            let factor = ((&norm + 1e-6).reciprocal() * max_norm).clamp_max(1.0);
            for gradient in gradients {
                let _ = gradient.shallow_clone().g_mul_(&factor);
            }
        }
        norm
    })
}
