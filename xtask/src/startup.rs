//! Every binary of the workspace starts as it is, with no `LD_LIBRARY_PATH`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::cargo::Cargo;
use crate::error::Error;

/// What the loader's failure to find a library ends with.
const NOT_LOADED: i32 = 127;

/// Starts each test binary and each example, without running what they are for.
pub(crate) fn check(root: &Path) -> Result<(), Error> {
    let build = ["test", "--workspace", "--no-run", "--quiet"];
    let binaries = executables(Cargo::new(root).args(build))?;
    let mut findings = Vec::new();
    for (name, path) in &binaries {
        // Tests list themselves; examples take --help.
        let argument = if path.components().any(|part| part.as_os_str() == "examples") {
            "--help"
        } else {
            "--list"
        };
        let mut command = Command::new(path);
        command
            .arg(argument)
            .env_remove("LD_LIBRARY_PATH")
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let source_to_error = |source| Error::Start { command: path.display().to_string(), source };
        let output = command.output().map_err(source_to_error)?;
        if output.status.code().is_none_or(|code| code == NOT_LOADED) {
            findings.push(format!("{name}: {}", String::from_utf8_lossy(&output.stderr).trim()));
        }
    }
    if !findings.is_empty() {
        return Err(Error::Findings { check: "start", findings });
    }
    println!("{} binaries start", binaries.len());
    Ok(())
}

/// What a build of cargo's has made: the names and paths of executables.
pub(crate) fn executables(build: Cargo) -> Result<Vec<(String, PathBuf)>, Error> {
    let messages = build.args(["--message-format", "json-render-diagnostics"]).output()?;
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    Ok(messages
        .filter_map(|message| {
            let path = message["executable"].as_str()?;
            Some((message["target"]["name"].as_str()?.to_owned(), path.into()))
        })
        .collect())
}
