//! A training run described in JSON, as the Python side of a comparison reads and writes it.

use std::path::Path;

use serde::Deserialize;
use thinksafe_runtime::CausalLm;
use thinksafe_sft::{
    AdamWConfig, BatchSize, Duration, Error, Example, Order, SftConfig, StepRecord, Trainer,
};

use crate::golden;

/// The settings of a run; schedule (cosine, 10 % warm-up) and objective are the library's defaults.
#[derive(Debug, Deserialize)]
pub struct Settings {
    /// The model case that the run starts from.
    pub base: String,
    steps: u64,
    batch: usize,
    accumulation: usize,
    lr: f64,
    max_grad_norm: f64,
    weight_decay: f64,
    beta1: f64,
    beta2: f64,
    eps: f64,
}

/// A text: its tokens, and how many of them are the prompt.
#[derive(Debug, Deserialize)]
struct Row {
    ids: Vec<u32>,
    prompt: usize,
}

impl Settings {
    /// Reads settings.json.
    ///
    /// # Panics
    /// If it cannot be read.
    pub fn read(path: &Path) -> Self {
        golden::json(path)
    }

    /// Trains the attached adapter over the texts of data.json, in their order, to the last step.
    ///
    /// # Errors
    /// Those of the trainer.
    pub fn train(&self, model: &mut CausalLm, data: &Path) -> Result<Vec<StepRecord>, Error> {
        let rows: Vec<Row> = golden::json(data);
        let examples: Vec<Example> = rows.iter().enumerate().map(|(i, r)| r.example(i)).collect();
        let mut trainer = Trainer::new(model, &examples, self.config())?;
        let mut steps = Vec::new();
        while !trainer.is_finished() {
            steps.push(trainer.step()?);
        }
        Ok(steps)
    }

    fn config(&self) -> SftConfig {
        SftConfig {
            duration: Duration::Steps(self.steps),
            batch: BatchSize::accumulated(self.batch, self.accumulation),
            order: Order::AsGiven,
            optimizer: AdamWConfig {
                lr: self.lr,
                betas: (self.beta1, self.beta2),
                eps: self.eps,
                weight_decay: self.weight_decay,
            },
            max_grad_norm: Some(self.max_grad_norm),
            ..SftConfig::default()
        }
    }
}

impl Row {
    fn example(&self, index: usize) -> Example {
        let supervised: Vec<bool> = (0..self.ids.len()).map(|i| i >= self.prompt).collect();
        Example::from_mask(format!("row {index}"), self.ids.clone(), &supervised)
    }
}
