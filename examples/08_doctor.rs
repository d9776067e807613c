//! Looks for the known bugs of fine-tuning on the model, its template and the dataset, before training. Run
//! `03_filter_traces` first.
//!
//! ```text
//! cargo run -p thinksafe-examples --example 08_doctor
//! ```
//!
//! Expected: a line a check, then how many passed; the program fails if a check did. `docs/DOCTOR.md` says what each means.

#![expect(clippy::print_stdout, reason = "a program speaks to people")]

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Parser;
use thinksafe_chat::Chat;
use thinksafe_core::fs;
use thinksafe_core::run::RunDir;
use thinksafe_examples::{Inputs, training_texts};
use thinksafe_filter::Dataset;
use thinksafe_runtime::CausalLm;
use thinksafe_sft::doctor::{Patient, examine};
use thinksafe_sft::{AdamWConfig, Encoding, SftConfig};
use thinksafe_steering::Preset;

/// Examines model, template, data and settings.
#[derive(Debug, Parser)]
struct Options {
    #[command(flatten)]
    inputs: Inputs,
    /// The run directory of `03_filter_traces`.
    #[arg(long, default_value = "runs/steps")]
    out: PathBuf,
    /// Also write the report here, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let run = RunDir::new(&options.out);
    let inputs = options.inputs.load(&run.root().join("miniature"))?;
    let mut model = CausalLm::load(&inputs.model, inputs.placement)?;
    let chat = Chat::load(&inputs.model)?;
    let texts = training_texts(&Dataset::read(run.dataset())?);

    let optimizer = AdamWConfig { lr: inputs.learning_rate, ..AdamWConfig::default() };
    let patient = Patient {
        chat: &chat,
        texts: &texts,
        encoding: &Encoding::default(),
        config: &SftConfig { optimizer, ..SftConfig::default() },
        steering: &Preset::ALL.map(wording),
    };
    let report = examine(&mut model, &patient, run.root())?;
    println!("{report}");
    if let Some(path) = options.json {
        fs::write_json(path, "the report", &report)?;
    }
    ensure!(report.is_healthy(), "not healthy: see docs/DOCTOR.md");
    Ok(())
}

/// The longest part of a preset that does not depend on the prompt.
fn wording(preset: Preset) -> &'static str {
    let parts = preset.text().split("{prompt}");
    parts.max_by_key(|part| part.len()).unwrap_or_default()
}
