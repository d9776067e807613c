//! Evaluation of safety and reasoning: benchmarks, scorers, statistics and reports, with no libtorch.
//!
//! ```text
//! Benchmark ──Generate──▶ Response ──Scorer──▶ Score ──▶ Estimate (rate, 95 % interval, unscored by reason)
//!               │ log                  │ log of verdicts       │
//!               ▼                      ▼                       ▼
//!     eval/<bench>.jsonl     one file a judge        Report (JSON, Markdown, HTML)
//! ```
//!
//! Each step is small and can be replaced: a benchmark is data, a [`Scorer`](score::Scorer) one method, a
//! [`Grader`](answer::Grader) one method, a metric a function of scores. Generation and judging go to append-only
//! logs, so that an interrupted evaluation continues and another scorer needs no new generation.
//!
//! A response that is cut off, malformed, not judged or not served is [unscored](score::Unscored) and a column of its
//! own: never silently wrong, never silently safe.
//!
//! [`compare`] sets runs of several reports beside each other, on the items that all of them were asked.
//!
//! The published sets are in the [`catalog`], each with its file's row count and hash; one of your own is a
//! [`Spec`](spec::Spec) in TOML. [`contamination`] compares a benchmark with what a model is trained on; [`attack`] asks it
//! with words put into the model's thinking.
//!
//! # Example
//!
//! ```
//! use thinksafe_core::{run::RunDir, sampling::Sampling, seed::Seed, testing::ScriptedGenerator};
//! use thinksafe_eval::answer::ExtractedAnswer;
//! use thinksafe_eval::benchmark::{Benchmark, Item, Settings};
//! use thinksafe_eval::evaluate::evaluate;
//! use thinksafe_eval::report::Report;
//! use thinksafe_eval::scorer::AnswerAccuracy;
//!
//! # let temporary = tempfile::tempdir()?;
//! # let directory = temporary.path();
//! let items = vec![Item::new("sum", "What is 17 + 25?").with_reference("42")];
//! let settings = Settings::new(Sampling::greedy(64), Seed(1));
//! let benchmark = Benchmark::new("sums", items, settings)?;
//!
//! let mut model = ScriptedGenerator::new("model", |_| Ok(r"<think>7 + 5 = 12</think>\boxed{42}".into()));
//! let mut accuracy = AnswerAccuracy::new(ExtractedAnswer::math());
//! let result =
//!     evaluate(&RunDir::new(directory), &benchmark, &mut model, &mut [&mut accuracy], &mut |_| {})?;
//! assert_eq!(result.measured[0].estimate.scored, 1);
//!
//! let mut report = Report::new("Sums");
//! report.add("before", &result)?;
//! assert!(report.to_text().contains("answer accuracy"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod answer;
pub mod attack;
pub mod benchmark;
pub mod catalog;
pub mod compare;
pub mod comparison;
pub mod contamination;
mod error;
pub mod estimate;
pub mod evaluate;
pub mod guards;
pub mod inspect;
pub mod judged;
pub mod likelihood;
pub mod paper;
pub mod report;
pub mod sample;
pub mod score;
pub mod scorer;
pub mod spec;
pub mod statistics;
pub mod steering;

pub use error::Error;
