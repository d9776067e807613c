//! Fine-tunes a LoRA adapter on the dataset, resumable, and saves it in PEFT's format. Run `03_filter_traces` first.
//!
//! ```text
//! cargo run -p thinksafe-examples --example 04_fine_tune
//! ```
//!
//! On several devices, or several processes of one machine's cores, with the same result:
//!
//! ```text
//! torchrun --no-python --nproc-per-node 2 target/release/examples/04_fine_tune
//! ```
//!
//! Ctrl-C stops it after the step it is in, with a checkpoint; started again, it goes on. While it runs,
//! `tensorboard --logdir runs/steps/tensorboard` shows its curves.
//!
//! Expected: a progress bar with loss, learning rate and gradient norm, then the adapter's folder, and a page with the
//! curves, `training.html`.

#![expect(clippy::print_stdout, reason = "a program speaks to people")]

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use thinksafe_core::run::RunDir;
use thinksafe_core::seed::Seed;
use thinksafe_distributed::{Launch, ProcessGroup};
use thinksafe_examples::{Bar, FineTuning, Inputs, training_texts};
use thinksafe_filter::Dataset;
use thinksafe_runtime::Recompute;
use thinksafe_sft::{Encoding, Ending, MicroBatch, Trainer, best_checkpoint, encode, hold_out};

/// How long one process waits for another: the slowest step, evaluation or checkpoint of any.
const WAIT: Duration = Duration::from_mins(30);

/// Fine-tunes an adapter.
#[derive(Debug, Parser)]
struct Options {
    #[command(flatten)]
    inputs: Inputs,
    /// The run directory of `03_filter_traces`.
    #[arg(long, default_value = "runs/steps")]
    out: PathBuf,
    /// Also write the merged model here, as a Hugging Face folder.
    #[arg(long, value_name = "DIR")]
    merged: Option<PathBuf>,
    /// The share of prompts that is evaluated on the way and not trained on; 0: none.
    #[arg(long, default_value_t = 0.05)]
    held_out: f64,
    /// End after so many evaluations of the held-out prompts in a row without improvement.
    #[arg(long)]
    patience: Option<u32>,
    /// Compute layers again in the backward pass instead of keeping their activations: slower, in a fraction of the memory.
    /// All, or the first so many.
    #[arg(long, value_name = "LAYERS", num_args = 0..=1, default_missing_value = "all", value_parser = layers)]
    recompute: Option<Recompute>,
    /// The most tokens that pass through the model at once; otherwise examples pass eight at a time.
    #[arg(long, value_name = "TOKENS")]
    micro_tokens: Option<usize>,
    /// Save the adapter that was best on the held-out prompts, not the last one.
    #[arg(long)]
    best: bool,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let run = RunDir::new(&options.out);
    let launch = Launch::from_torchrun(|name| std::env::var(name).ok())?;
    let mut inputs = options.inputs.load(&run.root().join("miniature"))?;
    inputs.take_device_of(&launch)?;
    let mut model = inputs.load_model()?;

    let texts = training_texts(&Dataset::read(run.dataset())?);
    let encoded = encode(&texts, model.chat(), &Encoding::default())?;
    println!(
        "{} examples, {} tokens, {} of them learnt, {} texts left out",
        encoded.examples.len(),
        encoded.tokens(),
        encoded.supervised_tokens(),
        encoded.skipped.len()
    );

    let group = ProcessGroup::join(&launch, inputs.placement.device.into(), WAIT)?;
    let mut config = inputs.sft_config(Seed(42));
    if let Some(most) = options.micro_tokens {
        config.batch.micro = MicroBatch::Tokens(most);
    } else if group.world_size() > 1 {
        // Something to do for every process.
        let share = config.batch.examples.div_ceil(group.world_size());
        config.batch.micro = MicroBatch::Examples(share);
    }
    let (training, held_out) = hold_out(encoded.examples, options.held_out, config.seed);
    let recompute = options.recompute.unwrap_or_default();
    let trainer = Trainer::new(model.model_mut(), &training, config)?;
    let mut trainer = trainer.with_recompute(recompute).with_group(&group)?;
    let mut bar = Bar::default();
    bar.begin("fine-tune");
    let mut fine_tuning = FineTuning::new(&run, &training, &held_out);
    fine_tuning.patience = options.patience;
    let outcome = fine_tuning.fit(&mut trainer, &mut bar)?;
    if outcome.ending == Ending::Stopped {
        return Ok(());
    }

    let best = if options.best { best_checkpoint(run.checkpoints())? } else { None };
    if let Some(best) = best {
        trainer.resume(best)?;
    }
    drop(trainer);
    if group.rank() > 0 {
        return Ok(());
    }
    model.model().save_lora(&run.adapter())?;
    println!("adapter in {}", run.adapter().display());
    if let Some(dir) = options.merged {
        model.model_mut().merge_lora()?;
        model.model().save(&dir)?;
        println!("merged model in {}", dir.display());
    }
    Ok(())
}

/// `all`, or how many.
fn layers(text: &str) -> Result<Recompute, std::num::ParseIntError> {
    if text == "all" { Ok(Recompute::Layers) } else { text.parse().map(Recompute::FirstLayers) }
}
