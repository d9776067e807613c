//! Generates traces by a server that speaks OpenAI's protocol: vLLM, SGLang, llama.cpp, `transformers serve`.
//!
//! ```text
//! vllm serve Qwen/Qwen3-0.6B --max-model-len 20000
//! cargo run -p thinksafe-examples --example 10_remote -- \
//!     --server vllm --url http://localhost:8000/v1 --model Qwen/Qwen3-0.6B \
//!     --tokenizer Qwen3-0.6B --prompts safechain.jsonl
//! ```
//!
//! `--url` can be given several times, for servers that serve the same. With `--tokenizer`, a folder with the model's
//! tokenizer and template, prompts are tokenized here and no text in them becomes a special token; without it the server
//! does that. A key is taken from the variable that `--key` names, not from the command line, where others see it.
//!
//! Expected: a progress bar, then counts. Ctrl-C stops it; started again, it does what is missing. The other numbered
//! examples read the run directory.

#![expect(clippy::print_stdout, reason = "a program speaks to people")]

use std::path::PathBuf;
use std::sync::atomic::Ordering;

use anyhow::{Context, Result};
use clap::Parser;
use thinksafe_chat::Chat;
use thinksafe_core::log::RecordLog;
use thinksafe_core::run::RunDir;
use thinksafe_core::sampling::Sampling;
use thinksafe_core::seed::Seed;
use thinksafe_examples::{Bar, Stop};
use thinksafe_remote::{ApiKey, Dialect, RemoteGenerator, RemoteOptions, Rendering, Server};
use thinksafe_trace::{Columns, PromptSet, TraceSettings, generate_traces};

/// Generates traces by a server.
#[derive(Debug, Parser)]
struct Options {
    /// llama-cpp, open-ai, sglang, transformers or vllm.
    #[arg(long)]
    server: Dialect,
    /// An address, with its /v1.
    #[arg(long, required = true)]
    url: Vec<String>,
    /// The model's name there.
    #[arg(long)]
    model: String,
    /// Which weights those are, for the records.
    #[arg(long)]
    revision: Option<String>,
    /// The environment variable that holds the server's key.
    #[arg(long, value_name = "VARIABLE")]
    key: Option<String>,
    /// A folder with the model's tokenizer and template.
    #[arg(long, value_name = "DIR")]
    tokenizer: Option<PathBuf>,
    /// What the server's template writes of the answer; not needed with --tokenizer.
    #[arg(long, default_value = "", conflicts_with = "tokenizer")]
    opening: String,
    /// Prompts with labels: JSON, JSON Lines or CSV with a text and a label column; otherwise the miniature's.
    #[arg(long, value_name = "FILE")]
    prompts: Option<PathBuf>,
    /// The most tokens of an answer.
    #[arg(long, default_value_t = 16_384)]
    max_new_tokens: u32,
    /// Requests at a time.
    #[arg(long, default_value_t = 64)]
    in_flight: usize,
    /// The run directory.
    #[arg(long, default_value = "runs/remote")]
    out: PathBuf,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let run = RunDir::new(&options.out);
    let stop = Stop::on_signal()?;
    let mut engine = options.engine()?.with_stop(stop.shared());
    let prompts = options.prompts(&run)?;

    let sampling = Sampling { max_new_tokens: options.max_new_tokens, ..Sampling::default() };
    let settings = TraceSettings { sampling, ..TraceSettings::new(Seed(42)) };
    let mut log = RecordLog::open(run.traces())?;
    let mut bar = Bar::default();
    bar.begin("generate traces");
    let show = &mut |progress| bar.show(&progress);
    let outcome = generate_traces(&mut engine, &prompts, &settings, &mut log, show);
    if stop.flag().load(Ordering::Relaxed) {
        println!("stopped; start it again to go on");
        return Ok(());
    }
    let counts = outcome?;

    println!("{counts:#?}\n{}", run.traces().display());
    Ok(())
}

impl Options {
    fn engine(&self) -> Result<RemoteGenerator> {
        let key = |name: &String| std::env::var(name).with_context(|| format!("no key in {name}"));
        let server = Server {
            urls: self.url.clone(),
            revision: self.revision.clone(),
            key: self.key.as_ref().map(key).transpose()?.map(ApiKey::new),
            ..Server::new(self.server, "", &self.model)
        };
        let rendering = match &self.tokenizer {
            Some(dir) => Rendering::Here(Box::new(Chat::load(dir)?)),
            None => Rendering::Server { opening: self.opening.clone() },
        };
        let options = RemoteOptions { in_flight: self.in_flight, ..RemoteOptions::default() };
        Ok(RemoteGenerator::new(&server, rendering, options)?)
    }

    fn prompts(&self, run: &RunDir) -> Result<PromptSet> {
        let file = match &self.prompts {
            Some(file) => file.clone(),
            None => thinksafe_mini::write_to(run.root().join("miniature"))?.prompts,
        };
        let mut columns = Columns::default();
        columns.text.push("text".to_owned());
        Ok(PromptSet::read(&file, &columns)?)
    }
}
