//! Calls of cargo from within cargo.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::error::Error;

/// A call of cargo on the workspace.
#[derive(Debug)]
pub(crate) struct Cargo {
    command: Command,
}

impl Cargo {
    /// A call with no arguments yet, in the workspace's folder.
    pub(crate) fn new(root: &Path) -> Self {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.current_dir(root);
        // What the outer cargo says about xtask would count as a change to build scripts that ask for such variables.
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(describes_package) {
                command.env_remove(name);
            }
        }
        Self { command }
    }

    /// Adds arguments.
    pub(crate) fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    /// Sets a variable for cargo and all it starts.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Takes away a variable.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Hides any libtorch from the build.
    pub(crate) fn without_libtorch(self) -> Self {
        self.without("LIBTORCH_USE_PYTORCH")
            .without("LIBTORCH_INCLUDE")
            .without("LIBTORCH_LIB")
            .env("LIBTORCH", "/nonexistent/libtorch")
    }

    /// Runs where the user is, so that relative paths in arguments mean what they say.
    pub(crate) fn here(mut self) -> Self {
        if let Ok(here) = std::env::current_dir() {
            self.command.current_dir(here);
        }
        self
    }

    /// Runs to the end with the user's terminal.
    pub(crate) fn run(mut self) -> Result<(), Error> {
        run(&mut self.command)
    }

    /// Runs to the end and returns what it printed; progress and errors go to the user's terminal.
    pub(crate) fn output(mut self) -> Result<String, Error> {
        self.command.stderr(Stdio::inherit());
        output(&mut self.command)
    }
}

/// Runs a program to the end with the user's terminal.
pub(crate) fn run(command: &mut Command) -> Result<(), Error> {
    let status =
        command.status().map_err(|source| Error::Start { command: text(command), source })?;
    if status.success() { Ok(()) } else { Err(Error::Program { command: text(command), status }) }
}

/// Runs a program to the end and returns what it printed.
pub(crate) fn output(command: &mut Command) -> Result<String, Error> {
    let output =
        command.output().map_err(|source| Error::Start { command: text(command), source })?;
    if !output.status.success() {
        return Err(Error::Program { command: text(command), status: output.status });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The command as one would type it.
fn text(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

fn describes_package(name: &str) -> bool {
    const NAMES: [&str; 5] = [
        "CARGO_BIN_NAME",
        "CARGO_CRATE_NAME",
        "CARGO_MANIFEST_DIR",
        "CARGO_MANIFEST_PATH",
        "CARGO_PRIMARY_PACKAGE",
    ];
    NAMES.contains(&name) || name.starts_with("CARGO_PKG_")
}
