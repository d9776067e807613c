//! Checkpoints and datasets of the Hugging Face Hub as folders and files on disk.
//!
//! [`Hub::fetch`] gives the folder of a repository's snapshot, and the commit that it is: what is recorded of a run is a
//! commit, whatever branch was asked for. The cache is the one of Hugging Face's Python library, in its layout, so that
//! what either has fetched the other finds.
//!
//! # Example
//!
//! ```no_run
//! use thinksafe_hub::{Files, Hub, Repo};
//!
//! // HF_HOME, HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE and their like, as everywhere.
//! let hub = Hub::from_env(|name| std::env::var(name).ok())?;
//! let model = hub.fetch(&Repo::model("Qwen/Qwen3-0.6B"), &Files::Checkpoint)?;
//! println!("{} at commit {}", model.dir.display(), model.commit);
//!
//! let prompts = Repo::dataset("walledai/XSTest").at("main");
//! let prompts = hub.fetch(&prompts, &Files::Named(vec!["data/test.parquet".to_owned()]))?;
//! # Ok::<(), thinksafe_hub::Error>(())
//! ```

mod environment;
mod error;
mod hub;
mod repo;

pub use error::Error;
pub use hub::{Hub, Token};
pub use repo::{Files, Kind, Repo, Snapshot};
