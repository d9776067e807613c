//! What the numbered examples share: which model, guard and data they use, a progress bar, evaluation sets, labelled
//! exchanges, fine-tuning and reinforcement learning as people watch them, and the small steps from one crate's words to another's.

mod bar;
mod choice;
mod inputs;
mod labeled;
mod miniature;
mod published;
mod reinforcement;
mod sets;
mod steering;
mod stop;
mod training;
mod words;

pub use bar::Bar;
pub use choice::Choice;
pub use inputs::{GuardFormat, Inputs, Loaded};
pub use labeled::{miniature_exchanges, xstest_files};
pub use miniature::evaluate_miniature;
pub use published::{Judges, Published};
pub use reinforcement::{paper_rewards, reinforce};
pub use sets::EvaluationSet;
pub use steering::{Drawn, likelihood_texts, likelihoods, prompt_samples, sides};
pub use stop::Stop;
pub use training::FineTuning;
pub use words::{dataset_texts, drops, lesson_examples, loss_curve, training_texts};

/// The program of the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// So does what the guide to guards shows.
#[cfg(doctest)]
#[doc = include_str!("../docs/GUARDS.md")]
struct Guards;
