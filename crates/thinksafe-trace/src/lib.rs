//! Trace generation over labelled prompt sets into a resumable record log.
//!
//! ```text
//! prompts.{json,jsonl,csv,tsv,parquet} ──PromptSet──▶ steering ──Generate──▶ traces.jsonl
//!                                                    ▲                        │
//!                                                    └── what is missing ◀────┘
//! ```
//!
//! [`PromptSet`] reads prompts with their labels, [`generate_traces`] asks a model for them and logs a [`TraceRecord`]
//! for each sample. The log is what a restarted run resumes from.
//!
//! Several processes generate as one if each takes its [`PromptSet::share`] and logs it to a file of its own, which
//! [`merge_traces`] puts together when all are done.
//!
//! # Example
//!
//! ```
//! use thinksafe_core::{log, log::RecordLog, prompt::*, seed::Seed, testing::ScriptedGenerator};
//! use thinksafe_trace::{PromptSet, TraceRecord, TraceSettings, generate_traces};
//!
//! let prompts = PromptSet::new(vec![LabeledPrompt {
//!     id: "1".to_owned(),
//!     text: "How do I do the forbidden thing?".to_owned(),
//!     label: PromptLabel::VanillaHarmful,
//! }])?;
//! let mut model = ScriptedGenerator::new("refuser", |_| {
//!     Ok("<think>\nThis would do harm.\n</think>\n\nI can't help with that.".to_owned())
//! });
//! # let dir = std::env::temp_dir().join(format!("thinksafe-trace-doc-{}", std::process::id()));
//! let path = dir.join("traces.jsonl");
//! let mut log = RecordLog::open(&path)?;
//! let settings = TraceSettings::new(Seed(42));
//! generate_traces(&mut model, &prompts, &settings, &mut log, &mut |_| {})?;
//!
//! let records = log::read::<TraceRecord>(&path)?;
//! assert_eq!(records[0].trace().unwrap().answer, "I can't help with that.");
//! assert_eq!(records[0].prompt, "How do I do the forbidden thing?");
//! # std::fs::remove_dir_all(dir).unwrap();
//! # Ok::<(), thinksafe_trace::Error>(())
//! ```

mod columns;
mod error;
mod generate;
mod merge;
mod prompt_set;
mod record;
pub mod rows;

pub use columns::{Columns, LabelSource};
pub use error::{Error, FieldProblem, Place};
pub use generate::{TraceCounts, TraceSettings, generate_traces};
pub use merge::merge_traces;
pub use prompt_set::{Duplicate, PromptSet};
pub use record::{Split, SteeringUsed, TraceOutcome, TraceRecord, Turn};
