//! The Python side of the comparison with `transformers`, `peft`, `trl` and what reads our logs, in an environment that can
//! be thrown away.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::cargo::{self, Cargo};
use crate::error::Error;
use crate::libtorch::{self, Request};
use crate::metadata::Workspace;
use crate::python::Python;
use crate::selection;

/// The versions compared with, from the root of the workspace.
const REQUIREMENTS: &str = "tests/interop/requirements.txt";

/// Builds our side, makes the environment and runs the comparison.
pub(crate) fn run(root: &Path) -> Result<(), Error> {
    libtorch::ensure(root, Request::default())?;
    let build = ["build", "-p", "thinksafe-tests", "--bin", "interop"];
    let binary = selection::executable(Cargo::new(root).args(build), "interop")?;
    let python = python(root)?;
    let script = root.join("tests/interop/run.py");
    cargo::run(Command::new(python).arg(script).arg("--bin").arg(binary).current_dir(root))
}

/// The Python of the environment, which is made if it is not there.
pub(crate) fn python(root: &Path) -> Result<PathBuf, Error> {
    let venv = Workspace::load(root)?.target.join("interop-venv");
    environment(&venv, &root.join(REQUIREMENTS))
}

/// Makes sure of the environment; returns its Python.
fn environment(dir: &Path, requirements: &Path) -> Result<PathBuf, Error> {
    let python = dir.join("bin/python");
    let marker = dir.join("complete");
    let wanted = fs::read_to_string(requirements).map_err(Error::io("read", requirements))?;
    if fs::read_to_string(&marker).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    if dir.exists() {
        fs::remove_dir_all(dir).map_err(Error::io("remove", dir))?;
    }
    println!("making a Python environment in {} (some 5 GB from PyPI, once)", dir.display());
    let system = Python::new("python3");
    let parent = dir.parent().unwrap_or(dir);
    fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
    if !system.probe(parent)?.pip {
        return Err(Error::PipMissing { python: system.name() });
    }
    cargo::run(Command::new("python3").args(["-m", "venv"]).arg(dir))?;
    let scratch = dir.join("tmp");
    fs::create_dir_all(&scratch).map_err(Error::io("create", &scratch))?;
    let mut args: Vec<OsString> = ["install", "--no-cache-dir", "-r"].map(Into::into).into();
    args.push(requirements.into());
    Python::new(&python).pip(&args, &scratch, Stdio::null())?;
    fs::write(&marker, wanted).map_err(Error::io("write", &marker))?;
    Ok(python)
}
