//! Where libtorch comes from: the user's own wins, else one is provisioned once into `.libtorch/` of the workspace.
//!
//! `.cargo/config.toml` points `LIBTORCH` to `.libtorch/current` for every plain cargo command. That is a link to
//! one of two builds of the same version: `2.11.0-cpu`, the CPU part alone, or `2.11.0-cuda`, all of it. Both hold
//! the same `libtorch_cpu.so`, and the linker keeps no reference to `libtorch_cuda.so` because nothing refers to a
//! symbol of it; so one binary serves both: it starts without CUDA, and finds `libtorch_cuda.so` beside
//! `libtorch_cpu.so` when a CUDA device is asked for and the link leads to the CUDA build.

mod layout;
mod provision;
mod user;

use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::python::Python;

pub(crate) use self::layout::Build;
use self::layout::Home;
use self::user::Environment;

/// The version of libtorch that `tch` 0.24 binds.
pub(crate) const VERSION: &str = "2.11.0";

/// What the user asks of set-up.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Request {
    /// The build wanted; any that is in place will do when none is named.
    pub(crate) build: Option<Build>,
    /// Provision again even where a finished one is in place.
    pub(crate) force: bool,
}

/// A libtorch that is there.
#[derive(Debug)]
pub(crate) enum Libtorch {
    /// The `LIBTORCH` of the user's own.
    Own { dir: PathBuf, version: String },
    /// That of the user's Python, asked for by `LIBTORCH_USE_PYTORCH`.
    Pytorch { python: String, version: String },
    /// Ours.
    Provisioned { dir: PathBuf, build: Build },
}

/// Makes sure of libtorch and says on the terminal where it is.
pub(crate) fn ensure(root: &Path, request: Request) -> Result<Libtorch, Error> {
    let home = Home::new(root);
    let environment = Environment::read(&home);
    let python = Python::new("python3");
    let libtorch = locate(&home, &environment, &python, request)?;
    match &libtorch {
        Libtorch::Own { dir, version } => {
            println!("libtorch {version}: LIBTORCH={}", dir.display());
        }
        Libtorch::Pytorch { python, version } => println!("libtorch {version}: torch of {python}"),
        Libtorch::Provisioned { dir, build } => {
            println!("libtorch {VERSION} ({build}): {}", dir.display());
        }
    }
    Ok(libtorch)
}

fn locate(
    home: &Home,
    environment: &Environment,
    python: &Python,
    request: Request,
) -> Result<Libtorch, Error> {
    if let Some(own) = environment.libtorch(request.build)? {
        return Ok(own);
    }
    let build = match (home.current(), request.build) {
        (Some(current), None) => current,
        // What the CPU part can do, the CUDA build can do as well.
        (Some(Build::Cuda), Some(Build::Cpu)) if !request.force => Build::Cuda,
        (_, build) => build.unwrap_or(Build::Cpu),
    };
    if request.force || home.current() != Some(build) {
        provision::provision(home, build, python, request.force)?;
    }
    // By the name that plain cargo commands use: another would be another libtorch to cargo, and everything built again.
    Ok(Libtorch::Provisioned { dir: home.link(), build })
}

impl Libtorch {
    /// The value of `LIBTORCH` for a build outside the workspace, where it takes one.
    pub(crate) fn dir(&self) -> Option<&Path> {
        match self {
            Self::Own { dir, .. } | Self::Provisioned { dir, .. } => Some(dir),
            Self::Pytorch { .. } => None,
        }
    }
}
