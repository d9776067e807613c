//! Our side of the interoperability check: what `run.py` asks this program to compute, file to file.

mod inspect_logs;
mod served;
mod watch;

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};
use tch::Tensor;
use thinksafe_core::seed::Seed;
use thinksafe_runtime::{CausalLm, LoraConfig, Mode, PaddedBatch, Placement, Precision};
use thinksafe_tests::golden;
use thinksafe_tests::training::Settings;

type Failure = Box<dyn std::error::Error>;

#[derive(Debug, Parser)]
#[command(about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Writes a fresh adapter for a model.
    Attach(Attach),
    /// Writes the logits of prompts, one tensor [T, V] for each, named by its index.
    Logits(Logits),
    /// Trains an adapter; writes adapter/, merged/ and history.json.
    Train(Train),
    /// Writes the checkpoints to serve: random weights, the miniature and its guard.
    Checkpoints(Checkpoints),
    /// Generates and judges by a server and by the local engine; writes how often they differ.
    Served(Served),
    /// Trains in three processes' worth of calls, two of them broken off; writes logs and event files for TensorBoard.
    Watch(Watch),
    /// Writes logs for inspect_ai.
    InspectLogs(InspectLogs),
}

#[derive(Debug, Args)]
struct Attach {
    #[arg(long)]
    model: PathBuf,
    /// A `LoraConfig` as JSON.
    #[arg(long)]
    lora: PathBuf,
    #[arg(long)]
    seed: u64,
    #[arg(long)]
    out: PathBuf,
}

#[derive(Debug, Args)]
struct Logits {
    #[arg(long)]
    model: PathBuf,
    #[arg(long)]
    adapter: Option<PathBuf>,
    /// A JSON list of lists of token ids.
    #[arg(long)]
    prompts: PathBuf,
    #[arg(long)]
    out: PathBuf,
}

#[derive(Debug, Args)]
struct Train {
    #[arg(long)]
    model: PathBuf,
    #[arg(long)]
    adapter: PathBuf,
    #[arg(long)]
    data: PathBuf,
    #[arg(long)]
    settings: PathBuf,
    /// Of the model; the adapter is in f32.
    #[arg(long, default_value = "f32")]
    precision: Precision,
    #[arg(long)]
    out: PathBuf,
}

#[derive(Debug, Args)]
struct Checkpoints {
    #[arg(long)]
    out: PathBuf,
}

#[derive(Debug, Args)]
struct Served {
    /// Of `transformers serve`, with its /v1.
    #[arg(long)]
    url: String,
    /// What `checkpoints` wrote.
    #[arg(long)]
    checkpoints: PathBuf,
    #[arg(long)]
    out: PathBuf,
}

#[derive(Debug, Args)]
struct Watch {
    #[arg(long)]
    model: PathBuf,
    #[arg(long)]
    out: PathBuf,
}

#[derive(Debug, Args)]
struct InspectLogs {
    #[arg(long)]
    out: PathBuf,
}

fn main() -> Result<(), Failure> {
    // With one thread a sum is always taken in the same order.
    tch::set_num_threads(1);
    match Arguments::parse().command {
        Command::Attach(arguments) => attach(&arguments),
        Command::Logits(arguments) => logits(&arguments),
        Command::Train(arguments) => train(&arguments),
        Command::Checkpoints(arguments) => served::write_checkpoints(&arguments.out),
        Command::Served(arguments) => {
            served::compare(&arguments.url, &arguments.checkpoints, &arguments.out)
        }
        Command::Watch(arguments) => watch::watch(&arguments.model, &arguments.out),
        Command::InspectLogs(arguments) => inspect_logs::write(&arguments.out),
    }
}

fn attach(arguments: &Attach) -> Result<(), Failure> {
    let config: LoraConfig = golden::json(&arguments.lora);
    let mut model = load(&arguments.model, None, Placement::CPU_F32)?;
    model.attach_lora(config, Seed(arguments.seed))?;
    Ok(model.save_lora(&arguments.out)?)
}

fn logits(arguments: &Logits) -> Result<(), Failure> {
    let model = load(&arguments.model, arguments.adapter.as_deref(), Placement::CPU_F32)?;
    let prompts: Vec<Vec<u32>> = golden::json(&arguments.prompts);
    let mut tensors: Vec<(String, Tensor)> = Vec::new();
    for (index, prompt) in prompts.into_iter().enumerate() {
        let batch = PaddedBatch::new(&[prompt], 0, model.device())?;
        let logits = tch::no_grad(|| model.project(&model.hidden_states(&batch, Mode::Evaluate)));
        tensors.push((index.to_string(), logits.squeeze_dim(0).contiguous()));
    }
    Ok(Tensor::write_safetensors(&tensors, &arguments.out)?)
}

fn train(arguments: &Train) -> Result<(), Failure> {
    let placement = Placement { precision: arguments.precision, ..Placement::CPU_F32 };
    let mut model = load(&arguments.model, Some(&arguments.adapter), placement)?;
    let steps = Settings::read(&arguments.settings).train(&mut model, &arguments.data)?;
    thinksafe_core::fs::write_json(arguments.out.join("history.json"), "steps", &steps)?;
    model.save_lora(&arguments.out.join("adapter"))?;
    model.merge_lora()?;
    Ok(model.save(&arguments.out.join("merged"))?)
}

fn load(model: &Path, adapter: Option<&Path>, placement: Placement) -> Result<CausalLm, Failure> {
    let mut model = CausalLm::load(model, placement)?;
    if let Some(adapter) = adapter {
        model.load_lora(adapter)?;
    }
    Ok(model)
}
