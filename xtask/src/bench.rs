//! `cargo xtask bench`: the engine and `transformers` on the same loads, in turn, in processes of their own.
//!
//! Each measurement is run in pairs, ours and theirs right after each other, so that a machine whose speed drifts is slow for
//! both; medians over the pairs count, and ratios are taken pair by pair.

mod compare;
mod plan;
mod process;
mod table;

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use self::plan::Case;
use self::process::Programs;
use crate::cargo::Cargo;
use crate::error::Error;
use crate::libtorch::{self, Request};
use crate::metadata::Workspace;
use crate::{interop, selection};

/// What to measure, and on which models.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Shapes of models: tiny, small, qwen3-0.6b, qwen3-1.7b, qwen3-8b.
    #[arg(long, value_delimiter = ',', default_value = "tiny,small,qwen3-0.6b")]
    shapes: Vec<String>,
    /// Number formats.
    #[arg(long, value_delimiter = ',', default_value = "f32,bf16")]
    precisions: Vec<String>,
    /// Sequences side by side, in decoding.
    #[arg(long, value_delimiter = ',', default_value = "1,8,32")]
    batches: Vec<usize>,
    /// Tokens of a prompt, in decoding.
    #[arg(long, value_delimiter = ',', default_value = "64")]
    contexts: Vec<usize>,
    /// Tokens to decode; by shape if not given: 128, 64, and 16 for the large ones.
    #[arg(long)]
    new: Option<usize>,
    /// cpu or cuda:0.
    #[arg(long, default_value = "cpu")]
    device: String,
    /// Threads of both sides; 0: as many as the machine has cores.
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// Pairs of runs of each measurement.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pairs: u32,
    /// What to measure.
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "decode,score,ragged,prefix,train"
    )]
    what: Vec<What>,
    /// Shapes for the loads of many prompts, ragged and prefix.
    #[arg(long, value_delimiter = ',', default_value = "tiny")]
    load_shapes: Vec<String>,
    /// Prompts of those loads.
    #[arg(long, default_value_t = 256)]
    requests: usize,
    /// Sequences side by side in those loads, ours.
    #[arg(long, default_value_t = 64)]
    load_batch: usize,
    /// Memory for keys and values, ours and of `generate_batch`, in GiB.
    #[arg(long, default_value_t = 2)]
    kv_gib: usize,
    /// Tokens of a step, prompts and outputs together, ours and of `generate_batch`.
    #[arg(long, default_value_t = 512)]
    step_tokens: usize,
    /// Shapes for verdicts of a guard.
    #[arg(long, value_delimiter = ',', default_value = "guard-small")]
    guard_shapes: Vec<String>,
    /// For guards: the folder of a tokenizer and its chat template, as Llama-Guard-3's.
    #[arg(long, value_name = "DIR")]
    guard: Option<PathBuf>,
    /// For guards: a CSV file with columns `prompt` and `completion`.
    #[arg(long, value_name = "FILE")]
    exchanges: Option<PathBuf>,
    /// Measure nothing, print the table of what was measured before.
    #[arg(long)]
    table: bool,
}

/// A kind of measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum What {
    /// Prompts of one length, and tokens after them.
    Decode,
    /// Log-probabilities of given tokens.
    Score,
    /// Prompts and outputs of many lengths.
    Ragged,
    /// Prompts that begin alike; ours only.
    Prefix,
    /// Optimizer steps of an adapter on every projection.
    Train,
    /// Verdicts of a guard on real exchanges; needs `--guard` and `--exchanges`.
    Guard,
}

impl What {
    /// Its name, here and as a command of `throughput`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Score => "score",
            Self::Ragged => "ragged",
            Self::Prefix => "prefix",
            Self::Train => "train",
            Self::Guard => "guard",
        }
    }
}

/// Measures, adds the results to `target/bench/results.json` and prints all that is there as a table.
pub(crate) fn run(root: &Path, options: &Options) -> Result<(), Error> {
    let out = Workspace::load(root)?.target.join("bench");
    let results = out.join("results.json");
    let mut rows = read(&results)?;
    if !options.table {
        fs::create_dir_all(&out).map_err(Error::io("create", &out))?;
        let programs = programs(root, &out)?;
        if options.device != "cpu" {
            programs.agree(&options.device)?;
        }
        for case in plan::cases(options)? {
            let row = measure(&programs, case, options.pairs)?;
            rows.retain(|old| compare::key(old) != compare::key(&row));
            rows.push(row);
            write(&results, &rows)?;
        }
    }
    print!("{}", table::markdown(&rows));
    Ok(())
}

/// Builds ours and makes the environment of theirs.
fn programs(root: &Path, out: &Path) -> Result<Programs, Error> {
    libtorch::ensure(root, Request::default())?;
    let build = ["build", "--release", "-p", "thinksafe-benches", "--bin", "throughput"];
    let ours = selection::executable(Cargo::new(root).args(build), "throughput")?;
    let python = interop::python(root)?;
    Ok(Programs { ours, python, peers: root.join("benches/peers"), models: out.join("models") })
}

/// Ours and theirs in turn.
fn measure(programs: &Programs, mut case: Case, pairs: u32) -> Result<Value, Error> {
    println!("\n{}", case.title());
    case.settle(|case, peer| programs.theirs(case, peer))?;
    let mut runs = Vec::new();
    for pair in 1..=pairs {
        let ours = programs.ours(&case)?;
        println!("{pair}/{pairs} ours: {}", compare::summary(&ours));
        let mut theirs = Vec::new();
        for peer in case.peers() {
            let found = programs.theirs(&case, peer)?;
            for line in &found {
                println!("{pair}/{pairs} {}: {}", compare::variant(line), compare::summary(line));
            }
            theirs.extend(found);
        }
        compare::same_work(&ours, &theirs)?;
        runs.push(json!({"ours": ours, "theirs": theirs}));
    }
    Ok(compare::row(&case.description(), &runs))
}

fn read(path: &PathBuf) -> Result<Vec<Value>, Error> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = fs::read_to_string(path).map_err(Error::io("read", path))?;
    serde_json::from_str(&text).map_err(|error| Error::Output {
        program: path.display().to_string(),
        reason: error.to_string(),
    })
}

fn write(path: &PathBuf, rows: &[Value]) -> Result<(), Error> {
    let text = format!("{:#}\n", Value::from(rows.to_vec()));
    fs::write(path, text).map_err(Error::io("write", path))
}
