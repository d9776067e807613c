//! Recipes for safety training data: ThinkSafe, its ablations, and the methods that it is compared with.
//!
//! ```text
//!                 ┌─ thinksafe · rejection_sampling · safechain · teacher_distillation ─┐
//! prompts ──▶ Protocol::collect (ask, judge, keep) ──▶ rows ──▶ Lesson ──▶ without_reasoning, harmful_half ──▶ training
//! prompts ──▶ direct_refusal · safepath ─────────────────────────▶ Lesson ────────────────────────────────────▶
//! ```
//!
//! A recipe that generates is a [`Protocol`]: what a model is asked, how often, and what of its answers is kept. One that
//! writes or changes examples is a function to a [`Lesson`]: a prompt, a turn, and which of its bytes are learnt.
//! [`Setup`] has the sizes that the paper trains the baselines with; [`flops`] says what it all costs.
//!
//! **Invariant:** a lesson's prompt never has the steering under which its turn was generated.
//!
//! **Invariant:** everything fails closed, as in `thinksafe_filter`: no protocol keeps what a guard left undetermined.
//!
//! # Example
//!
//! ```
//! use thinksafe_core::{prompt::*, run::RunDir, seed::Seed, testing::ScriptedGenerator};
//! use thinksafe_filter::{Guard, WildGuard};
//! use thinksafe_recipes::{Lesson, Protocol, without_reasoning};
//! use thinksafe_steering::Preset;
//! use thinksafe_trace::PromptSet;
//!
//! # let dir = tempfile::tempdir()?;
//! # let run = RunDir::new(dir.path());
//! # let text = "a request".to_owned();
//! let prompt = LabeledPrompt { id: "1".into(), text, label: PromptLabel::VanillaHarmful };
//! let mut model = ScriptedGenerator::new("m", |_| Ok("<think>\nHm.\n</think>\n\nNo.".to_owned()));
//! let verdict = "Harmful request: yes\nResponse refusal: yes\nHarmful response: no";
//! let engine = ScriptedGenerator::new("g", |_| Ok(verdict.to_owned()));
//! let mut guard = Guard::new(engine, WildGuard::default());
//!
//! let protocol = Protocol::thinksafe(&Preset::Suffix.template(), Seed(42));
//! let prompts = PromptSet::new(vec![prompt])?;
//! let selection = protocol.collect(&run, &prompts, &mut model, &mut guard, &mut |_| {})?;
//! let lessons: Vec<Lesson> = selection.rows.iter().map(Lesson::from).collect();
//! assert_eq!(lessons[0].instruction, "a request"); // without the steering
//! assert_eq!(without_reasoning(lessons[0].clone()).trace.thinking.as_deref(), Some(""));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod direct_refusal;
mod error;
pub mod flops;
mod harmful_half;
mod lesson;
mod protocol;
mod rejection_sampling;
mod safechain;
mod safepath;
mod setup;
mod teacher_distillation;
mod thinksafe;
mod without_reasoning;

pub use direct_refusal::{DIRECT_REFUSAL_THOUGHT, direct_refusal, question_and_answer};
pub use error::Error;
pub use harmful_half::harmful_half;
pub use lesson::{Lesson, Part, Span, Supervised};
pub use protocol::Protocol;
pub use safepath::{SAFEPATH_PRIMER, safepath};
pub use setup::Setup;
pub use without_reasoning::without_reasoning;
