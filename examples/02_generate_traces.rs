//! Generates traces over a labelled prompt set into a record log that survives being killed.
//!
//! ```text
//! cargo run -p thinksafe-examples --example 02_generate_traces
//! cargo run --release -p thinksafe-examples --example 02_generate_traces -- \
//!     --model Qwen3-0.6B --guard Llama-Guard-3-8B --prompts safechain.jsonl --device cuda:0 --precision bf16
//! ```
//!
//! On several devices, with the records that one would write:
//!
//! ```text
//! torchrun --no-python --nproc-per-node 8 target/release/examples/02_generate_traces --device cuda:0 ...
//! ```
//!
//! Expected: a progress bar, then counts. Stop it half-way and start it again: it does what is missing.

#![expect(clippy::print_stdout, reason = "a program speaks to people")]

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use thinksafe_core::generate::Generate;
use thinksafe_core::log::RecordLog;
use thinksafe_core::run::RunDir;
use thinksafe_core::seed::Seed;
use thinksafe_distributed::{Launch, ProcessGroup};
use thinksafe_examples::{Bar, Inputs};
use thinksafe_trace::{TraceSettings, generate_traces, merge_traces};

/// How long the first process waits for the last.
const WAIT: Duration = Duration::from_hours(24);

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
    let mut inputs = options.inputs.load(&run.root().join("miniature"))?;
    let launch = Launch::from_torchrun(|name| std::env::var(name).ok())?;
    inputs.take_device_of(&launch)?;
    let Launch { rank, world_size, .. } = launch;
    let group = ProcessGroup::join(&launch, inputs.placement.device.into(), WAIT)?;
    let mut model = inputs.load_model()?;
    let identity = model.identity().clone();

    let seed = Seed(42);
    let settings = TraceSettings { sampling: inputs.sampling.clone(), ..TraceSettings::new(seed) };
    let mut log = RecordLog::open(run.traces_of_rank(rank, world_size))?;
    let share = inputs.prompts.share(rank, world_size)?;
    let mut bar = Bar::default();
    bar.begin("generate traces");
    model.set_watch(Some(bar.watch()));
    let show = &mut |progress| bar.show(&progress);
    let counts = generate_traces(&mut model, &share, &settings, &mut log, show)?;
    group.barrier()?;
    if rank > 0 {
        return Ok(());
    }
    if world_size > 1 {
        let logs: Vec<PathBuf> =
            (0..world_size).map(|rank| run.traces_of_rank(rank, world_size)).collect();
        merge_traces(&logs, &inputs.prompts, &settings, &identity, &run.traces())?;
    }

    println!("{counts:#?}\n{}", run.traces().display());
    Ok(())
}
