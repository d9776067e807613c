//! Measures the engine and the trainer on a checkpoint with random weights; one JSON line for each measurement.
//!
//! `throughput decode --shape small --precision bf16 --batch 8` measures one thing in this process. `throughput sweep` runs
//! every combination of shapes, precisions, batches and contexts, each in a process of its own. `cargo xtask bench` runs
//! the same measurements in turn with those of `transformers`.

#![expect(clippy::print_stdout, reason = "a command line program talks to its user")]

mod agree;
mod decode;
mod guard;
mod prefix;
mod ragged;
mod score;
mod setting;
mod sweep;
mod train;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::setting::Setting;

#[derive(Debug, Parser)]
#[command(about = "Measures the generation engine and the trainer; prints JSON lines")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write the checkpoint if it is not there, and print its folder.
    Checkpoint(Setting),
    /// Prompts of one length: tokens a second of the prompts, and of decoding after them.
    Decode(decode::Decode),
    /// The log-probability of every given token.
    Score(score::Score),
    /// Prompts and outputs of many lengths.
    Ragged(ragged::Ragged),
    /// Prompts that begin alike, against prompts that have nothing in common.
    Prefix(prefix::Prefix),
    /// Verdicts of a guard on real exchanges.
    Guard(guard::GuardRun),
    /// Optimizer steps of an adapter on every projection.
    Train(train::Train),
    /// Compare greedy tokens on a device with those on the CPU, in f32.
    Agree(agree::Agree),
    /// Every combination of the values given, each in a process of its own.
    Sweep(sweep::Sweep),
}

fn main() -> Result<()> {
    let line = match Arguments::parse().command {
        Command::Checkpoint(setting) => setting.checkpoint()?.display().to_string(),
        Command::Decode(decode) => decode.measure()?.to_string(),
        Command::Score(score) => score.measure()?.to_string(),
        Command::Ragged(ragged) => ragged.measure()?.to_string(),
        Command::Prefix(prefix) => prefix.measure()?.to_string(),
        Command::Guard(guard) => guard.measure()?.to_string(),
        Command::Train(train) => train.measure()?.to_string(),
        Command::Agree(agree) => agree.compare()?.to_string(),
        Command::Sweep(sweep) => return sweep.run(),
    };
    println!("{line}");
    Ok(())
}
