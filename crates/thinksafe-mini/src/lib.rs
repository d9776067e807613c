//! The miniature world: a synthetic task language with small trained models.

mod arithmetic;
mod draw;
mod embedded;
mod folders;
mod judged;
pub mod oracle;
mod pools;
mod pretraining;
mod prompts;
mod request;
mod sample;
mod tokenizer;
mod verbs;
mod wordings;
mod words;

pub use arithmetic::Problem;
pub use embedded::{World, write_to};
pub use folders::{File, guard_files, model_files};
pub use judged::{Judged, JudgedText};
pub use pools::Pool;
pub use pretraining::Pretraining;
pub use prompts::{HeldOut, MathProblem, post_training, pretraining_prompts};
pub use request::{HowTo, Kind};
pub use sample::Sample;
pub use verbs::Reason;
pub use words::Type;
