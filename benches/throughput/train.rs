//! Fine-tuning: optimizer steps of an adapter on every projection.

use anyhow::Result;
use clap::{ArgAction, Args};
use serde_json::{Value, json};
use thinksafe_benches::timing::{median, timed};
use thinksafe_benches::{cost, load, memory};
use thinksafe_core::seed::Seed;
use thinksafe_runtime::{CausalLm, LoraConfig, Recompute, Targets};
use thinksafe_sft::{BatchSize, Duration, Example, Order, SftConfig, Trainer};

use crate::setting::{Setting, rounded};

/// As `peers/train.py` has it.
const RANK: u32 = 32;

#[derive(Debug, Args)]
pub(crate) struct Train {
    #[command(flatten)]
    setting: Setting,
    /// Sequences of an optimizer step, in one micro-batch.
    #[arg(long, default_value_t = 8)]
    batch: usize,
    /// Tokens of each.
    #[arg(long, default_value_t = 256)]
    context: usize,
    /// Whether activations are computed again in the backward pass.
    #[arg(long, action = ArgAction::Set, default_value_t = true)]
    checkpointing: bool,
    /// With checkpointing, of the first so many layers only; without: of all.
    #[arg(long)]
    layers: Option<usize>,
}

impl Train {
    pub(crate) fn measure(&self) -> Result<Value> {
        let Self { setting, batch, context, checkpointing, layers } = self;
        let mut model = CausalLm::load(&setting.checkpoint()?, setting.placement())?;
        tch::set_num_threads(setting.threads() as i32);
        model.attach_lora(adapter(), Seed(0))?;
        let loaded = Setting::peak();
        let config = model.config().clone();
        let work = self.work(config.vocab_size);
        let examples: Vec<Example> = work.iter().map(example).collect();
        let recompute = self.recompute();
        let mut trainer =
            Trainer::new(&mut model, &examples, self.training())?.with_recompute(recompute);
        let first = trainer.step()?;
        memory::reset_peak();
        let mut times = Vec::new();
        for _ in 0..setting.repetitions {
            let (step, seconds) = timed(|| trainer.step());
            step?;
            times.push(seconds);
        }
        let peak = Setting::peak();
        drop(trainer);
        drop(model);
        let (_, rate) = setting.limits();
        let seconds = median(times);
        // The weights are frozen: there and back, each product once.
        let operations = 2.0 * cost::forward_operations(&config, *batch, *context, *context) as f64;
        Ok(setting.line(
            "train",
            json!({
                "batch": batch,
                "context": context,
                "checkpointing": checkpointing,
                "recomputed_layers": layers,
                "tok_s": rounded((batch * context) as f64 / seconds),
                "peak_mib": peak,
                "load_peak_mib": loaded,
                "loss": first.loss,
                "matrix_gflop_s": rounded(rate / 1e9),
                "matrix_share": rounded(operations / seconds / rate),
                "checksum": load::checksum_json(&work),
            }),
        ))
    }

    fn recompute(&self) -> Recompute {
        match (self.checkpointing, self.layers) {
            (false, _) => Recompute::Nothing,
            (true, None) => Recompute::Layers,
            (true, Some(count)) => Recompute::FirstLayers(count),
        }
    }

    /// The texts of all steps, in their order; the first step is a warm-up.
    fn work(&self, vocab: i64) -> Vec<load::Item> {
        let steps = 0..=u64::from(self.setting.repetitions);
        steps.flat_map(|step| load::even(step, self.batch, self.context, 0, vocab)).collect()
    }

    fn training(&self) -> SftConfig {
        SftConfig {
            duration: Duration::Steps(u64::from(self.setting.repetitions) + 1),
            batch: BatchSize::accumulated(self.batch, 1),
            order: Order::AsGiven,
            ..SftConfig::default()
        }
    }
}

fn adapter() -> LoraConfig {
    LoraConfig {
        rank: RANK,
        alpha: 2.0 * f64::from(RANK),
        dropout: 0.0,
        targets: Targets::all_linear(),
        ..LoraConfig::default()
    }
}

fn example(item: &load::Item) -> Example {
    Example::from_mask("", item.ids.clone(), &vec![true; item.ids.len()])
}
