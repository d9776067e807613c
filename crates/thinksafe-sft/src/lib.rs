//! Supervised fine-tuning on self-generated traces.
//!
//! ```text
//! TrainingText ──encode──▶ Example (ids + weights) ──Trainer::step──▶ adapter ──▶ PEFT folder, merged checkpoint
//!                                                        │
//!                     fit: logs, evaluation, checkpoints, exact resume ──events──▶ Meter, TensorBoard, TrainingReport
//! ```
//!
//! * [`encode`] turns texts into token ids with a weight for each token, through the chat template's segment map:
//!   what is prompt is read, what the model wrote is learnt, its end-of-turn token included.
//! * [`Objective`] says what is minimised: a sum of [`Term`]s, each with its own loss, examples, tokens and reduction.
//!   The default is cross-entropy, mean over the supervised tokens of the whole global batch.
//! * [`Trainer`] does one optimizer step a call; [`fit`] is the loop with logs and resumable checkpoints. It evaluates
//!   [`HeldOut`] examples on the way, keeps the best checkpoint, ends early, and stops where it is asked to.
//! * [`evaluate`] is the objective on held-out examples.
//! * `fit` tells what happens as [`Event`]s: [`Meter`] makes progress of them, [`TensorBoard`] event files; and
//!   [`TrainingReport`] is a page made from the logs. What needs a clock gets the caller's.
//!
//! # Invariants
//!
//! * A global batch of `k x b` examples gives the same gradient as `k` micro-batches of `b`, of any lengths.
//! * A run interrupted at any point and started again ends with the same weights and the same logs, bit for bit on CPU.
//! * A loss or gradient that is not finite ends the run with an error before the weights are touched.
//! * No text is left out silently: [`Encoded`] counts and names what was.
//!
//! # Example
//!
//! ```no_run
//! use std::path::Path;
//! use thinksafe_chat::Chat;
//! use thinksafe_core::trace::Trace;
//! use thinksafe_runtime::{CausalLm, Device, Placement, Precision};
//! use thinksafe_sft::{Checkpointing, Encoding, SftConfig, Trainer, TrainingText, encode, fit};
//!
//! let dir = Path::new("models/Qwen3-0.6B");
//! let placement = Placement { device: Device::CPU, precision: Precision::Bf16 };
//! let mut model = CausalLm::load(dir, placement)?;
//! let trace = Trace { thinking: Some("A sum.".to_owned()), answer: "4".to_owned() };
//! let texts = [TrainingText::new("sum", "What is 2 + 2?", trace)];
//! let encoded = encode(&texts, &Chat::load(dir)?, &Encoding::default())?;
//! assert!(encoded.skipped.is_empty());
//!
//! let mut trainer = Trainer::new(&mut model, &encoded.examples, SftConfig::default())?;
//! fit(&mut trainer, "run/checkpoints", Checkpointing::default(), &mut |_| Ok(()))?;
//! drop(trainer);
//! model.save_lora(Path::new("run/adapter"))?; // PEFT
//! model.merge_lora()?;
//! model.save(Path::new("run/merged"))?; // Hugging Face
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Training draws dropout masks from libtorch's global generator, which [`Trainer::step`] seeds by step.

mod checkpoint;
mod config;
pub mod doctor;
mod encode;
mod error;
mod evaluate;
mod event;
mod example;
mod fit;
#[cfg(test)]
mod golden;
mod held_out;
mod loss;
mod objective;
mod optimizer;
mod pack;
mod parallel;
mod plan;
mod progress;
mod record;
mod reduction;
mod report;
mod retention;
mod schedule;
mod snapshot;
mod split;
mod step_log;
mod tensorboard;
mod tensors;
#[cfg(test)]
mod tests;
mod trained;
mod trainer;

/// What trainers of other objectives share with this one: the parts of resumable runs.
pub mod resumable {
    pub use crate::checkpoint::{first_difference, mismatch};
    pub use crate::pack::pack;
    pub use crate::report::flatten;
    pub use crate::retention::{prune, remove_if_present};
    pub use crate::snapshot::{restore_state, write_state};
    pub use crate::step_log::{AtStep, open_log, open_log_first};
}

pub use config::{SftConfig, Trainable};
pub use encode::{
    Encoded, Encoding, Overlong, SkipReason, Skipped, Supervise, TracePart, TrainingText,
    WeightedSpan, encode,
};
pub use error::Error;
pub use evaluate::{Evaluation, evaluate};
pub use event::{Event, OnEvent};
pub use example::Example;
pub use fit::{Ending, FitOptions, Outcome, fit};
pub use held_out::{Best, HeldOut};
pub use objective::{Objective, Reduction, Subset, Term, TokenLoss, Tokens};
pub use optimizer::{AdamW, AdamWConfig, clip_gradients};
pub use plan::{BatchSize, Duration, MicroBatch, Order};
pub use progress::{Meter, TrainProgress};
pub use record::{EvaluationRecord, StepRecord, TermValue};
pub use report::TrainingReport;
pub use retention::{Checkpointing, best as best_checkpoint, latest as latest_checkpoint};
pub use schedule::{Decay, Schedule, Warmup};
pub use split::hold_out;
pub use tensorboard::TensorBoard;
pub use trainer::Trainer;
