//! Every combination of the values given, each in a process of its own.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use thinksafe_benches::shape::Shape;
use thinksafe_runtime::Precision;

#[derive(Debug, Args)]
pub(crate) struct Sweep {
    /// Shapes of models.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "tiny,small")]
    shapes: Vec<Shape>,
    /// Where checkpoints are; those that are missing are written.
    #[arg(long, default_value = "target/bench/models", value_name = "DIR")]
    models: PathBuf,
    /// cpu or cuda:0.
    #[arg(long, default_value = "cpu")]
    device: String,
    /// Number formats.
    #[arg(long, value_delimiter = ',', default_value = "f32,bf16")]
    precisions: Vec<Precision>,
    /// Sequences side by side.
    #[arg(long, value_delimiter = ',', default_value = "1,8,32")]
    batches: Vec<usize>,
    /// Tokens of a prompt.
    #[arg(long, value_delimiter = ',', default_value = "64")]
    contexts: Vec<usize>,
    /// Tokens to generate after each.
    #[arg(long, default_value_t = 64)]
    new: u32,
    /// What to measure.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "decode,score,ragged,prefix")]
    what: Vec<What>,
    /// What every measurement is told besides, e.g. `--threads 2 --kv-gib 40`.
    #[arg(last = true)]
    more: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    Decode,
    Score,
    Ragged,
    Prefix,
}

impl Sweep {
    pub(crate) fn run(&self) -> Result<()> {
        if self.device != "cpu" {
            // Speed counts where the tokens are right. Both head sizes, and small enough for the CPU.
            for shape in [Shape::Tiny, Shape::Qwen3B06] {
                self.process("agree", shape, &[])?;
            }
        }
        for &shape in &self.shapes {
            for &precision in &self.precisions {
                let precision = precision.to_string();
                for &what in &self.what {
                    self.measure(what, shape, &["--precision", &precision])?;
                }
            }
        }
        Ok(())
    }

    fn measure(&self, what: What, shape: Shape, arguments: &[&str]) -> Result<()> {
        match what {
            What::Decode => {
                let new = self.new.to_string();
                for (batch, context) in self.pairs() {
                    let (batch, context) = (batch.to_string(), context.to_string());
                    let own = ["--batch", &batch, "--context", &context, "--new", &new];
                    self.process("decode", shape, &[arguments, &own].concat())?;
                }
                Ok(())
            }
            What::Score => self.process("score", shape, arguments),
            What::Ragged => self.process("ragged", shape, arguments),
            What::Prefix => self.process("prefix", shape, arguments),
        }
    }

    fn pairs(&self) -> impl Iterator<Item = (usize, usize)> {
        let with = |&context: &usize| self.batches.iter().map(move |&batch| (batch, context));
        self.contexts.iter().flat_map(with)
    }

    fn process(&self, command: &str, shape: Shape, arguments: &[&str]) -> Result<()> {
        let program = std::env::current_exe().context("find this program")?;
        let mut process = Command::new(program);
        process.args([command, "--shape", shape.name(), "--device", &self.device]);
        process.arg("--models").arg(&self.models).args(arguments).args(&self.more);
        let status = process.status().with_context(|| format!("start {command}"))?;
        ensure!(status.success(), "{command} of {} ended with {status}", shape.name());
        Ok(())
    }
}
