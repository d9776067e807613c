//! The words that every ThinkSafe crate shares, with no libtorch and hardly a dependency.
//!
//! ```text
//! LabeledPrompt ──steering──▶ Request ──Generate──▶ Completion ──▶ Trace (thinking | answer)
//!                                                                    │
//!                            Verdict ◀──Judge── Exchange ◀───────────┘
//! ```
//!
//! * [`message`], [`prompt`], [`trace`]: what goes into a model and what comes out of it.
//! * [`sampling`], [`seed`]: how a token is drawn; stateless, so that order, batch and resume change nothing.
//! * [`generate`], [`judge`]: the two seams through which pipelines speak to models.
//! * [`likelihood`]: the seam to a model that says how likely it finds a given turn.
//! * [`tokens`]: a model's tokens, for those who must fit a text into its context.
//! * [`verdict`]: what a guard said; *undetermined* is a value of its own and never becomes *safe*.
//! * [`log`]: the append-only record log, the unit of resume.
//! * [`testing`]: a scripted generator, so that pipelines run without weights.
//!
//! # Example
//!
//! ```
//! use thinksafe_core::trace::{ThinkTags, Trace};
//!
//! let trace = Trace::parse("<think>\nIs this safe?\n</think>\n\nYes.", &ThinkTags::default())?;
//! assert_eq!(trace.thinking.as_deref(), Some("Is this safe?"));
//! assert_eq!(trace.answer, "Yes.");
//! # Ok::<(), thinksafe_core::trace::Unsplit>(())
//! ```

mod error;
pub mod fs;
pub mod generate;
pub mod hash;
pub mod judge;
pub mod likelihood;
pub mod log;
pub mod message;
pub mod progress;
pub mod prompt;
pub mod run;
pub mod sampling;
pub mod seed;
pub mod testing;
pub mod tokens;
pub mod trace;
pub mod verdict;

pub use error::Error;
