//! Python 3 and its pip, which fetch what set-up needs.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::error::Error;

/// Prints what [`Probe`] holds.
const PROBE: &str = include_str!("libtorch/probe.py");

/// How many of pip's last lines an error repeats.
const TAIL: usize = 4;

/// A Python interpreter.
///
/// What it runs reads no input, so that its standard input can carry a `guard`: an open file that holds a lock. The
/// lock then lasts as long as Python is at work, even when this program has been killed.
#[derive(Debug)]
pub(crate) struct Python {
    program: OsString,
}

/// What a Python interpreter says about itself and the machine.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Probe {
    /// `Linux x86_64 glibc 2.39`.
    pub(crate) platform: String,
    /// Whether PyPI's x86_64 wheels run here.
    pub(crate) supported: bool,
    /// Whether pip is there.
    pub(crate) pip: bool,
    /// Bytes free in the folder asked about.
    pub(crate) free: u64,
}

impl Python {
    /// The interpreter of this name or path.
    pub(crate) fn new(program: impl Into<OsString>) -> Self {
        Self { program: program.into() }
    }

    /// The interpreter's name, for messages.
    pub(crate) fn name(&self) -> String {
        self.program.to_string_lossy().into_owned()
    }

    /// Asks about the machine and the space left in `dir`.
    pub(crate) fn probe(&self, dir: &Path) -> Result<Probe, Error> {
        let unclear = |reason: String| Error::Output { program: self.name(), reason };
        let answer = self.script(PROBE, &[dir.as_os_str()], Stdio::null())?.map_err(unclear)?;
        let value: Value = serde_json::from_str(&answer)
            .map_err(|error| unclear(format!("{error}; is it Python 3?")))?;
        let text = |name: &str| value[name].as_str().map(str::to_owned);
        let flag = |name: &str| value[name].as_bool();
        match (text("platform"), flag("supported"), flag("pip"), value["free"].as_u64()) {
            (Some(platform), Some(supported), Some(pip), Some(free)) => {
                Ok(Probe { platform, supported, pip, free })
            }
            _ => Err(unclear(format!("unexpected answer {value}"))),
        }
    }

    /// Runs a script to the end; returns what it printed, or its complaint where it failed.
    pub(crate) fn script(
        &self,
        script: &str,
        args: &[&OsStr],
        guard: Stdio,
    ) -> Result<Result<String, String>, Error> {
        let mut command = Command::new(&self.program);
        command.arg("-c").arg(script).args(args).stdin(guard);
        let output = command.output().map_err(|source| self.missing(source))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        let ok = output.status.success();
        Ok(if ok { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) })
    }

    /// Runs pip; its progress and its complaints are shown as they come.
    pub(crate) fn pip(&self, args: &[OsString], scratch: &Path, guard: Stdio) -> Result<(), Error> {
        let mut command = Command::new(&self.program);
        command.args(["-m", "pip", "--no-input", "--disable-pip-version-check"]).args(args);
        command.env("TMPDIR", scratch).stdin(guard).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|source| self.missing(source))?;
        let complaints = child.stderr.take().map(echo).unwrap_or_default();
        let status = child.wait().map_err(|source| self.missing(source))?;
        if status.success() { Ok(()) } else { Err(explain(&complaints, scratch)) }
    }

    fn missing(&self, source: std::io::Error) -> Error {
        Error::PythonMissing { python: self.name(), source }
    }
}

/// Passes a program's complaints on to the user and keeps them.
fn echo(stream: impl std::io::Read) -> Vec<String> {
    let mut kept = Vec::new();
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        // Losing an echo must not lose the failure.
        let _ = writeln!(std::io::stderr(), "{line}");
        kept.push(line);
    }
    kept
}

/// Tells from pip's complaints what kind of failure it was.
fn explain(complaints: &[String], scratch: &Path) -> Error {
    const NETWORK: [&str; 9] = [
        "ConnectionError",
        "ConnectTimeout",
        "IncompleteRead",
        "Max retries exceeded",
        "NameResolutionError",
        "ProxyError",
        "ReadTimeout",
        "Retrying (",
        "SSLError",
    ];
    let start = complaints.len().saturating_sub(TAIL);
    let detail = complaints[start..].join("\n").trim().to_owned();
    let any =
        |words: &[&str]| complaints.iter().any(|line| words.iter().any(|word| line.contains(word)));
    if any(&["No space left on device", "Disk quota exceeded"]) {
        Error::DiskFull { path: scratch.to_owned(), found: detail }
    } else if any(&["DO NOT MATCH THE HASHES"]) {
        Error::Pip { detail }
    } else if any(&NETWORK) {
        Error::Network { detail }
    } else {
        Error::Pip { detail }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(complaint: &str) -> &'static str {
        match explain(&[complaint.to_owned()], Path::new("/scratch")) {
            Error::DiskFull { .. } => "disk",
            Error::Network { .. } => "network",
            Error::Pip { .. } => "pip",
            _ => "other",
        }
    }

    #[test]
    fn pip_failures_are_told_apart() {
        let cases = [
            (
                "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
                "disk",
            ),
            ("WARNING: Retrying (Retry(total=4, connect=None)) after connection broken", "network"),
            ("pip._vendor.urllib3.exceptions.ReadTimeoutError: Read timed out.", "network"),
            ("SSLError(SSLCertVerificationError(1, 'certificate verify failed'))", "network"),
            ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "pip"),
            ("ERROR: Could not find a version that satisfies the requirement torch==2.11.0", "pip"),
        ];
        for (complaint, expected) in cases {
            assert_eq!(kind(complaint), expected, "{complaint}");
        }
    }

    #[test]
    fn an_error_repeats_the_last_lines_only() {
        let lines: Vec<String> = (0..10).map(|line| format!("line {line}")).collect();
        let Error::Pip { detail } = explain(&lines, Path::new("/scratch")) else {
            panic!("another kind")
        };
        assert_eq!(detail, "line 6\nline 7\nline 8\nline 9");
    }

    #[test]
    fn a_missing_interpreter_is_named() {
        let error = Python::new("/nonexistent/python3").probe(Path::new("/")).unwrap_err();
        assert!(
            matches!(&error, Error::PythonMissing { python, .. } if python == "/nonexistent/python3"),
            "{error}"
        );
    }

    #[test]
    fn the_probe_describes_this_machine() {
        let probe = Python::new("python3").probe(Path::new("/")).unwrap();
        assert!(probe.platform.to_lowercase().contains(std::env::consts::OS), "{probe:?}");
    }
}
