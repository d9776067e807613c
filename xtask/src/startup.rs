//! Every binary of the workspace starts as it is, with no `LD_LIBRARY_PATH`.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::error::Error;
use crate::selection::{self, Selection};

/// What the loader's failure to find a library ends with.
const NOT_LOADED: i32 = 127;

/// Starts each test binary and each example, without running what they are for.
pub(crate) fn check(root: &Path) -> Result<(), Error> {
    let (mut findings, mut started) = (Vec::new(), 0);
    for selection in [Selection::TorchFree, Selection::Torch] {
        let build = selection.cargo(root, "test").args(["--no-run", "--quiet"]);
        for (name, path) in selection::executables(build)? {
            findings.extend(failure(&path)?.map(|complaint| format!("{name}: {complaint}")));
            started += 1;
        }
    }
    if !findings.is_empty() {
        return Err(Error::Findings { check: "start", findings });
    }
    println!("{started} binaries start");
    Ok(())
}

/// What the loader complains of, if it does.
fn failure(path: &Path) -> Result<Option<String>, Error> {
    // A program that takes its argument for a folder's name makes that folder where it is thrown away.
    let temp = std::env::temp_dir();
    let dir = tempfile::tempdir_in(&temp).map_err(Error::io("create", &temp))?;
    // Tests list themselves; examples take --help.
    let is_example = path.components().any(|part| part.as_os_str() == "examples");
    let mut command = Command::new(path);
    command
        .arg(if is_example { "--help" } else { "--list" })
        .current_dir(dir.path())
        .env_remove("LD_LIBRARY_PATH")
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let not_started = |source| Error::Start { command: path.display().to_string(), source };
    let output = command.output().map_err(not_started)?;
    let failed = output.status.code().is_none_or(|code| code == NOT_LOADED);
    Ok(failed.then(|| String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}
