//! The settings of a training run.

use serde::{Deserialize, Serialize};
use thinksafe_core::hash::ContentHash;
use thinksafe_core::seed::Seed;
use thinksafe_runtime::Pattern;

use crate::Error;
use crate::objective::Objective;
use crate::optimizer::AdamWConfig;
use crate::plan::{BatchSize, Duration, MicroBatch, Order};
use crate::schedule::Schedule;

/// Everything that decides what a run computes, but for the model and the data.
///
/// The defaults are the paper's set-up: AdamW at 1e-5 without weight decay, cosine with 10 % warm-up, clipping at
/// 1.0, 3 epochs, global batch 8, seed 42, and LoRA (see [`Trainable`]).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SftConfig {
    /// Which parameters are trained.
    pub trainable: Trainable,
    /// Those of them that stay as they are: the ones whose whole name a pattern matches. Weights have their Hugging Face
    /// names (`model\.layers\.[0-7]\..*` freezes eight layers), adapters those of PEFT's files
    /// (`.*\.layers\.[0-7]\..*`). A tied output head is frozen with `model.embed_tokens.weight`.
    #[serde(default)]
    pub frozen: Vec<Pattern>,
    /// What is minimised.
    pub objective: Objective,
    /// How long.
    pub duration: Duration,
    /// The sizes of an optimizer step.
    pub batch: BatchSize,
    /// The order of the examples.
    pub order: Order,
    /// The optimizer.
    pub optimizer: AdamWConfig,
    /// The course of the learning rate.
    pub schedule: Schedule,
    /// The 2-norm that the gradient is scaled down to where it is larger; none: it is only measured.
    pub max_grad_norm: Option<f64>,
    /// The seed of adapter, data order and dropout.
    pub seed: Seed,
}

/// Which parameters are trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Trainable {
    /// The attached LoRA adapter, in f32 over a base of any precision; without one, the default adapter (rank 32,
    /// alpha 16, dropout 0.05 on q_proj and v_proj) is attached first.
    Lora,
    /// Every weight of a model in f32, without an adapter.
    All,
}

impl Default for SftConfig {
    fn default() -> Self {
        Self {
            trainable: Trainable::Lora,
            frozen: Vec::new(),
            objective: Objective::default(),
            duration: Duration::Epochs(3),
            batch: BatchSize::accumulated(8, 1),
            order: Order::Shuffled,
            optimizer: AdamWConfig::default(),
            schedule: Schedule::default(),
            max_grad_norm: Some(1.0),
            seed: Seed(42),
        }
    }
}

impl SftConfig {
    /// The hash of all settings.
    pub fn hash(&self) -> ContentHash {
        ContentHash::of("thinksafe.sft.config", self)
    }

    pub(crate) fn validate(&self) -> Result<(), Error> {
        let positive = |field, value: u64| {
            if value > 0 {
                return Ok(());
            }
            Err(Error::Config { field, reason: "expected a number from 1, found 0".to_owned() })
        };
        positive("batch.examples", self.batch.examples as u64)?;
        match self.batch.micro {
            MicroBatch::Examples(count) => positive("batch.micro.examples", count as u64)?,
            MicroBatch::Tokens(most) => positive("batch.micro.tokens", most as u64)?,
        }
        if let Order::LengthGrouped { window } = self.order {
            positive("order.window", window as u64)?;
        }
        match self.duration {
            Duration::Epochs(epochs) => positive("duration.epochs", u64::from(epochs))?,
            Duration::Steps(steps) => positive("duration.steps", steps)?,
        }
        self.optimizer.validate()?;
        self.schedule.validate()?;
        match self.max_grad_norm {
            Some(norm) if !norm.is_finite() || norm <= 0.0 => Err(Error::Config {
                field: "max_grad_norm",
                reason: format!("expected a number above 0, found {norm}"),
            }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_read_back() {
        let config = SftConfig::default();
        config.validate().unwrap();
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<SftConfig>(&json).unwrap(), config);
    }

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let good = SftConfig::default();
        let optimizer = |lr, betas| AdamWConfig { lr, betas, ..good.optimizer };
        let cases = [
            ("batch.examples", SftConfig { batch: BatchSize::accumulated(0, 1), ..good.clone() }),
            ("duration.epochs", SftConfig { duration: Duration::Epochs(0), ..good.clone() }),
            (
                "optimizer.lr",
                SftConfig { optimizer: optimizer(f64::NAN, (0.9, 0.999)), ..good.clone() },
            ),
            (
                "optimizer.betas",
                SftConfig { optimizer: optimizer(1e-5, (0.9, 1.0)), ..good.clone() },
            ),
            ("max_grad_norm", SftConfig { max_grad_norm: Some(0.0), ..good.clone() }),
        ];
        for (field, config) in cases {
            let error = config.validate().unwrap_err().to_string();
            assert!(error.contains(&format!("`{field}`")), "{error}");
        }
    }
}
