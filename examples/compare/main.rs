//! Ways to make a reasoning model safe side by side, from the same weights and prompts: what each does, what it costs, and which of
//! the paper's claims hold. `docs/COMPARISON.md` has the rule that all settings follow.
//!
//! ```text
//! cargo run --release --example compare               # the miniature, three seeds: under an hour on two cores
//! cargo run --release --example compare -- --quick    # a tenth of everything, two seeds: that it runs, in minutes
//! cargo run --release --example compare -- --model Qwen3-0.6B --guard Llama-Guard-3-8B --prompts safechain.jsonl \
//!     --evaluation sets/ --teacher DeepSeek-R1-Distill-Qwen-7B --device cuda:0 --precision bf16 --out runs/compare-0.6b
//! ```
//!
//! Killed or stopped, and started again, it goes on where it was: an arm that is done under a seed is not done again. The page
//! is written anew after each.

#![expect(clippy::print_stdout, reason = "a program speaks to people")]

mod arm;
mod claims;
mod cost;
mod evaluation;
mod examples;
mod reinforcement;
mod run;
mod setting;
mod stored;

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use thinksafe_core::seed::Seed;
use thinksafe_eval::comparison::{Arm as Results, Comparison};
use thinksafe_examples::Inputs;

use arm::Arm;
use run::Runner;
use setting::Setting;

/// Compares ways to make a reasoning model safe.
#[derive(Debug, Parser)]
struct Options {
    #[command(flatten)]
    inputs: Inputs,
    /// The teacher of `SafeChain`: a Hugging Face folder. The miniature brings its own.
    #[arg(long, value_name = "DIR", requires = "model")]
    teacher: Option<PathBuf>,
    /// `SafePath`'s primer; the miniature's is in words that it knows.
    #[arg(long)]
    primer: Option<String>,
    /// How many seeds: 1, 2, and so on. Three, or two with --quick.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: Option<u64>,
    /// A tenth of the prompts and of the held-out items.
    #[arg(long)]
    quick: bool,
    /// Only these arms, for example `initial,thinksafe`.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Arm>,
    /// Held-out sets that are no columns.
    #[arg(long, value_name = "SET", value_delimiter = ',', default_value = "benign")]
    without: Vec<String>,
    /// Where everything goes.
    #[arg(long, default_value = "runs/compare")]
    out: PathBuf,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let setting = Setting::new(&options)?;
    let mut comparison = Comparison::new(format!("Ways to safety: {}", setting.name()));
    comparison.claims = claims::of_the_paper();
    comparison.notes = setting.notes();
    let arms: Vec<Arm> = setting.arms(&options.only);
    comparison.arms =
        arms.iter().map(|arm| Results { name: arm.name().to_owned(), runs: Vec::new() }).collect();
    let mut runner = Runner::new(&setting)?;
    for seed in (1..=setting.seeds).map(Seed) {
        for (place, arm) in arms.iter().enumerate() {
            let Some(run) = runner.run(*arm, seed)? else { return Ok(()) };
            comparison.arms[place].runs.push(run);
            comparison.save(&options.out)?;
        }
    }
    println!("{}\n{}", comparison.to_text(), options.out.join("comparison.html").display());
    Ok(())
}
