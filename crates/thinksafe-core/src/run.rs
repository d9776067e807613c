//! The run directory: which file is where.

use std::path::{Path, PathBuf};

/// The layout of one run's directory (see the design's *Run directory*).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunDir {
    root: PathBuf,
}

impl RunDir {
    /// A run directory at `root`; nothing is created.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Configuration, versions, hashes and seeds.
    pub fn manifest(&self) -> PathBuf {
        self.root.join("manifest.json")
    }

    /// Append-only log, one line a sample.
    pub fn traces(&self) -> PathBuf {
        self.root.join("traces.jsonl")
    }

    /// The part of [`traces`](Self::traces) that one of several processes generates: `traces.rank-0-of-2.jsonl`; the whole
    /// if there is but one.
    pub fn traces_of_rank(&self, rank: usize, world_size: usize) -> PathBuf {
        if world_size == 1 {
            return self.traces();
        }
        self.root.join(format!("traces.rank-{rank}-of-{world_size}.jsonl"))
    }

    /// Append-only log, one line a judged sample.
    pub fn verdicts(&self) -> PathBuf {
        self.root.join("verdicts.jsonl")
    }

    /// What is trained on.
    pub fn dataset(&self) -> PathBuf {
        self.root.join("dataset.jsonl")
    }

    /// The dataset card.
    pub fn dataset_card(&self) -> PathBuf {
        self.root.join("README.md")
    }

    /// Resumable trainer state.
    pub fn checkpoints(&self) -> PathBuf {
        self.root.join("checkpoints")
    }

    /// Event files of training, for TensorBoard.
    pub fn tensorboard(&self) -> PathBuf {
        self.root.join("tensorboard")
    }

    /// The training report as a page.
    pub fn training_html(&self) -> PathBuf {
        self.root.join("training.html")
    }

    /// What guards are worth on labelled sets, as data.
    pub fn guards_json(&self) -> PathBuf {
        self.root.join("guards.json")
    }

    /// What guards are worth on labelled sets, as a page.
    pub fn guards_html(&self) -> PathBuf {
        self.root.join("guards.html")
    }

    /// Append-only log, one line a scored turn.
    pub fn likelihoods(&self) -> PathBuf {
        self.root.join("likelihoods.jsonl")
    }

    /// What steering does, as data.
    pub fn steering_json(&self) -> PathBuf {
        self.root.join("steering.json")
    }

    /// What steering does, as a page.
    pub fn steering_html(&self) -> PathBuf {
        self.root.join("steering.html")
    }

    /// The adapter in PEFT's format.
    pub fn adapter(&self) -> PathBuf {
        self.root.join("adapter")
    }

    /// Append-only log of one benchmark's items.
    pub fn evaluation(&self, benchmark: &str) -> PathBuf {
        self.root.join("eval").join(format!("{benchmark}.jsonl"))
    }

    /// Logs of inspect_ai, one file a benchmark and generator.
    pub fn inspect(&self) -> PathBuf {
        self.root.join("inspect")
    }

    /// The report as data.
    pub fn report_json(&self) -> PathBuf {
        self.root.join("report.json")
    }

    /// The comparison of runs as data.
    pub fn comparison_json(&self) -> PathBuf {
        self.root.join("comparison.json")
    }

    /// The comparison of runs as a page.
    pub fn comparison_html(&self) -> PathBuf {
        self.root.join("comparison.html")
    }

    /// The report as a page.
    pub fn report_html(&self) -> PathBuf {
        self.root.join("report.html")
    }
}
