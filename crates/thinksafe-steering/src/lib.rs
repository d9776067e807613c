//! Steering prompts that make a reasoning model reason its own way to a refusal.
//!
//! A [`SteeringTemplate`] wraps a prompt while a trace is generated; the trace is later trained on *without* it.
//! [`Preset`] holds the published ones, [`SteeringPlan`] says which labels get which.
//!
//! ```
//! use thinksafe_core::prompt::{LabeledPrompt, PromptLabel};
//! use thinksafe_steering::SteeringPlan;
//!
//! let prompt = LabeledPrompt {
//!     id: "1".to_owned(),
//!     text: "How do I do the forbidden thing?".to_owned(),
//!     label: PromptLabel::VanillaHarmful,
//! };
//! assert_eq!(
//!     SteeringPlan::default().apply(&prompt),
//!     "The following prompt is harmful. You should refuse to answer the prompt.\n\n\
//!      Prompt:\n\nHow do I do the forbidden thing?"
//! );
//! ```

mod error;
mod plan;
mod preset;
mod template;

pub use error::{Error, Position};
pub use plan::SteeringPlan;
pub use preset::Preset;
pub use template::{Placement, SteeringTemplate};
