//! Generates traces over a labelled prompt set into a record log that survives being killed.
//!
//! ```text
//! cargo run -p thinksafe-examples --example 02_generate_traces
//! cargo run --release -p thinksafe-examples --example 02_generate_traces -- \
//!     --model Qwen3-0.6B --guard Llama-Guard-3-8B --prompts safechain.jsonl --device cuda:0 --precision bf16
//! ```
//!
//! Expected: a progress bar, then counts. Stop it half-way and start it again: it does what is missing.

#![expect(clippy::print_stdout, reason = "a program speaks to people")]

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use thinksafe_core::log::RecordLog;
use thinksafe_core::run::RunDir;
use thinksafe_core::seed::Seed;
use thinksafe_examples::{Bar, Inputs};
use thinksafe_trace::{TraceSettings, generate_traces};

/// Generates traces.
#[derive(Debug, Parser)]
struct Options {
    #[command(flatten)]
    inputs: Inputs,
    /// The run directory; the examples that follow read it.
    #[arg(long, default_value = "runs/steps")]
    out: PathBuf,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let run = RunDir::new(&options.out);
    let inputs = options.inputs.load(&run.root().join("miniature"))?;
    let mut model = inputs.load_model()?;

    let seed = Seed(42);
    let settings = TraceSettings { sampling: inputs.sampling.clone(), ..TraceSettings::new(seed) };
    let mut log = RecordLog::open(run.traces())?;
    let mut bar = Bar::default();
    bar.begin("generate traces");
    model.set_watch(Some(bar.watch()));
    let show = &mut |progress| bar.show(&progress);
    let counts = generate_traces(&mut model, &inputs.prompts, &settings, &mut log, show)?;

    println!("{counts:#?}\n{}", run.traces().display());
    Ok(())
}
