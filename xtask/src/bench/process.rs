//! The programs that measure, and what they print.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::bench::plan::{Case, Peer};
use crate::cargo;
use crate::error::Error;

/// Where the programs of both sides are.
#[derive(Debug)]
pub(crate) struct Programs {
    /// `throughput`, built for release.
    pub(crate) ours: PathBuf,
    /// The Python of the environment.
    pub(crate) python: PathBuf,
    /// The folder of the peers' programs.
    pub(crate) peers: PathBuf,
    /// Where checkpoints are.
    pub(crate) models: PathBuf,
}

impl Programs {
    /// Fails where a device does not give the CPU's greedy tokens: speed counts where the tokens are right.
    pub(crate) fn agree(&self, device: &str) -> Result<(), Error> {
        // Both sizes of heads.
        for shape in ["tiny", "qwen3-0.6b"] {
            let mut command = Command::new(&self.ours);
            command.args(["agree", "--shape", shape, "--device", device]);
            cargo::run(command.arg("--models").arg(&self.models))?;
        }
        Ok(())
    }

    /// Our line.
    pub(crate) fn ours(&self, case: &Case) -> Result<Value, Error> {
        let mut command = Command::new(&self.ours);
        command.args(case.our_arguments()).arg("--models").arg(&self.models);
        let text = cargo::output(command.stderr(Stdio::inherit()))?;
        let unclear = || Error::Output {
            program: "throughput".to_owned(),
            reason: format!("no result in {text:?}"),
        };
        lines(&text).pop().ok_or_else(unclear)
    }

    /// A peer's lines. One that fails gives a line that says why: that it cannot is a result too.
    pub(crate) fn theirs(&self, case: &Case, peer: &Peer) -> Result<Vec<Value>, Error> {
        let mut command = Command::new(&self.python);
        command.arg(self.peers.join(peer.script)).args(case.peer_arguments(peer));
        // The checkpoint is there: ours ran before, or makes sure of it now.
        command.arg("--model").arg(self.checkpoint(&case.shape)?);
        command.env("HF_HUB_OFFLINE", "1").env("PYTHONDONTWRITEBYTECODE", "1");
        if peer.keeps_memory {
            // A cache that grows by concatenation, or logits of every micro-batch, return large blocks to the system and
            // have them zeroed again, which takes as much time as the model.
            command.env("MALLOC_MMAP_THRESHOLD_", "8589934592");
            command.env("MALLOC_TRIM_THRESHOLD_", "17179869184");
            command.env("MALLOC_TOP_PAD_", "1073741824");
        }
        let start = |source| Error::Start { command: peer.script.to_owned(), source };
        let output = command.output().map_err(start)?;
        let mut found = lines(&String::from_utf8_lossy(&output.stdout));
        if !output.status.success() {
            let complaints = String::from_utf8_lossy(&output.stderr);
            let last = complaints.lines().rfind(|line| !line.trim().is_empty());
            let reason = last.unwrap_or("it says nothing").to_owned();
            found.push(json!({"failed": reason, "program": peer.script}));
        }
        Ok(found)
    }

    fn checkpoint(&self, shape: &str) -> Result<PathBuf, Error> {
        let dir = self.models.join(shape);
        if !dir.join("config.json").exists() {
            let mut command = Command::new(&self.ours);
            command.args(["checkpoint", "--shape", shape]).arg("--models").arg(&self.models);
            cargo::run(&mut command)?;
        }
        Ok(dir)
    }
}

/// The JSON lines among what a program printed.
fn lines(text: &str) -> Vec<Value> {
    let objects = text.lines().filter(|line| line.starts_with('{'));
    objects.filter_map(|line| serde_json::from_str(line).ok()).collect()
}
