//! Fine-tunes a LoRA adapter on the dataset, resumable, and saves it in PEFT's format. Run `03_filter_traces` first.
//!
//! ```text
//! cargo run -p thinksafe-examples --example 04_fine_tune
//! ```
//!
//! Expected: a progress bar with loss, learning rate and gradient norm, then the adapter's folder.

#![expect(clippy::print_stdout, reason = "a program speaks to people")]

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use thinksafe_core::run::RunDir;
use thinksafe_examples::{Bar, Inputs, training_texts};
use thinksafe_filter::Dataset;
use thinksafe_sft::{AdamWConfig, Checkpointing, Encoding, SftConfig, Trainer, encode, fit};

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
}

fn main() -> Result<()> {
    let options = Options::parse();
    let run = RunDir::new(&options.out);
    let inputs = options.inputs.load(&run.root().join("miniature"))?;
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

    let optimizer = AdamWConfig { lr: inputs.learning_rate, ..AdamWConfig::default() };
    let config = SftConfig { optimizer, ..SftConfig::default() };
    let mut trainer = Trainer::new(model.model_mut(), &encoded.examples, config)?;
    let mut bar = Bar::default();
    bar.begin("fine-tune");
    let show = &mut |progress| bar.show(&progress);
    let outcome = fit(&mut trainer, run.checkpoints(), Checkpointing::default(), show)?;

    drop(trainer);
    model.model().save_lora(&run.adapter())?;
    println!("{} steps; adapter in {}", outcome.steps, run.adapter().display());
    if let Some(dir) = options.merged {
        model.model_mut().merge_lora()?;
        model.model().save(&dir)?;
        println!("merged model in {}", dir.display());
    }
    Ok(())
}
