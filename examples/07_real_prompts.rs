//! Real prompts through the real Qwen3 tokenizer, chat template and steering, on a small model of Qwen3's layout with
//! random weights: what happens to your data on its way, before a GPU is involved.
//!
//! ```text
//! cargo run -p thinksafe-examples --example 07_real_prompts -- --tokenizer Qwen3-0.6B \
//!     --strongreject strongreject_dataset.csv --xstest xstest_prompts.csv
//! ```
//!
//! The tokenizer's folder needs `tokenizer.json` and `tokenizer_config.json`, no weights. Expected: counts, and a record
//! log that ends with the same lines however often the program was killed and started again. What a model with random
//! weights writes means nothing, and is not printed.

#![expect(clippy::print_stdout, reason = "a program speaks to people")]

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use thinksafe_chat::Chat;
use thinksafe_core::log::RecordLog;
use thinksafe_core::prompt::PromptLabel::{VanillaBenign, VanillaHarmful};
use thinksafe_core::run::RunDir;
use thinksafe_core::sampling::Sampling;
use thinksafe_core::seed::Seed;
use thinksafe_examples::Bar;
use thinksafe_runtime::{CausalLm, EngineOptions, LocalGenerator, ModelConfig, Placement};
use thinksafe_trace::{Columns, PromptSet, TraceSettings, generate_traces};

/// Qwen3's layout and vocabulary, otherwise small.
const LAYOUT: &str = r#"{
    "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "vocab_size": 151936, "hidden_size": 64,
    "intermediate_size": 192, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "head_dim": 32, "max_position_embeddings": 40960, "rope_theta": 1000000, "rms_norm_eps": 1e-6,
    "tie_word_embeddings": true, "hidden_act": "silu"
}"#;

/// Generates traces for real prompts.
#[derive(Debug, Parser)]
struct Options {
    /// A folder with Qwen3's tokenizer and chat template.
    #[arg(long, value_name = "DIR")]
    tokenizer: PathBuf,
    /// StrongREJECT's `strongreject_dataset.csv`.
    #[arg(long, value_name = "FILE")]
    strongreject: PathBuf,
    /// XSTest's `xstest_prompts.csv`.
    #[arg(long, value_name = "FILE")]
    xstest: PathBuf,
    /// The most tokens of an answer.
    #[arg(long, default_value_t = 24)]
    max_new_tokens: u32,
    /// The run directory.
    #[arg(long, default_value = "runs/real-prompts")]
    out: PathBuf,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let harmful = Columns::default().with_text("forbidden_prompt").with_label(VanillaHarmful);
    let mixed = Columns::default()
        .with_label_column("label", [("safe", VanillaBenign), ("unsafe", VanillaHarmful)])
        .with_derived_ids();
    let mut prompts = PromptSet::read(&options.strongreject, &harmful)?.prompts().to_vec();
    prompts.extend_from_slice(PromptSet::read(&options.xstest, &mixed)?.prompts());
    let prompts = PromptSet::new(prompts)?;
    println!("{} prompts, {} texts occur twice", prompts.len(), prompts.duplicates().len());

    let config = ModelConfig::from_json(LAYOUT, "07_real_prompts.rs".as_ref())?;
    let model = CausalLm::random(config, Placement::CPU_F32, Seed(1))?;
    let chat = Chat::load(&options.tokenizer)?;
    let mut engine = LocalGenerator::new(model, chat, EngineOptions::default())?;

    let sampling = Sampling { max_new_tokens: options.max_new_tokens, ..Sampling::default() };
    let settings = TraceSettings { sampling, ..TraceSettings::new(Seed(42)) };
    let run = RunDir::new(&options.out);
    let mut log = RecordLog::open(run.traces())?;
    let mut bar = Bar::default();
    bar.begin("generate traces");
    let show = &mut |progress| bar.show(&progress);
    let counts = generate_traces(&mut engine, &prompts, &settings, &mut log, show)?;
    println!("{counts:#?}\n{} records in {}", log.len(), run.traces().display());
    Ok(())
}
