//! Set-up, checks and measurements of the workspace: `cargo xtask setup | test | demo | conformance | interop | bench`.
//!
//! Runs before anything else is there, so it leans on little: `cargo`, Python 3 with pip, and the package registries.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line program talks to its user"
)]

mod bench;
mod cargo;
mod check;
mod compare;
mod demo;
mod error;
mod interop;
mod layering;
mod libtorch;
mod metadata;
mod outside;
mod python;
mod selection;
mod startup;
mod tidy;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::cargo::Cargo;
use crate::error::Error;
use crate::libtorch::{Build, Request};

/// Set-up and checks of the thinksafe workspace.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make sure of libtorch: the user's own, or one provisioned from PyPI into `.libtorch/`.
    Setup {
        /// Provision the full CUDA build (some 5 GB) in place of the CPU part.
        #[arg(long)]
        cuda: bool,
        /// Provision again, even where a finished one is in place.
        #[arg(long)]
        force: bool,
    },
    /// Run every check, or those named.
    Test {
        /// The steps to run, in their own order; all of them when none is named.
        #[arg(value_enum)]
        steps: Vec<check::Step>,
    },
    /// Run the whole pipeline on the embedded miniature, or on real checkpoints.
    Demo {
        /// What the pipeline example takes; `cargo xtask demo --help` lists it.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Run the golden case files of a folder against its chat templates and tokenizers.
    Conformance {
        /// The folder: case files, `templates/` and `tokenizers/`.
        dir: PathBuf,
    },
    /// Compare with `transformers`, `peft`, `trl`, TensorBoard and inspect_ai in a throw-away Python environment.
    Interop,
    /// Measure the engine beside `transformers`, in the same environment.
    Bench(Box<bench::Options>),
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<(), Error> {
    let root = workspace_root();
    match command {
        Command::Setup { cuda, force } => {
            let build = if cuda { Build::Cuda } else { Build::Cpu };
            libtorch::ensure(&root, Request { build: Some(build), force }).map(drop)
        }
        Command::Test { steps } => check::run(&root, &steps),
        Command::Demo { args } => {
            libtorch::ensure(&root, Request::default())?;
            let run = ["run", "-p", "thinksafe-examples", "--example", "06_pipeline", "--"];
            Cargo::new(&root).args(run).args(args).here().run()
        }
        Command::Conformance { dir } => {
            let run = ["run", "--quiet", "-p", "thinksafe-conformance", "--"];
            Cargo::new(&root).args(run).args([dir]).here().run()
        }
        Command::Interop => interop::run(&root),
        Command::Bench(options) => bench::run(&root, &options),
    }
}

/// The folder of the workspace: Cargo says where this package is when it runs it.
fn workspace_root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    package.parent().map_or_else(|| PathBuf::from("."), Path::to_owned)
}

/// Prints the error, its causes, and what to do.
fn report(error: &Error) {
    eprintln!("error: {error}");
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        eprintln!("  because: {error}");
        cause = error.source();
    }
    if let Some(advice) = error.advice() {
        eprintln!("  to do: {advice}");
    }
}
