//! How likely a model finds given turns: a log of likelihoods, and the perplexity of a dataset made of them.
//!
//! ```text
//! Text (conversation, trace) ──TurnScorer──▶ likelihoods.jsonl ──▶ Perplexity (nats a token, its exponential, by part)
//! ```
//!
//! The paper's Figure 8 is the perplexity of safety data under the frozen student, an estimate of H(π⁺) + KL(π⁺ ‖ p_ref):
//! what a model wrote itself is likely under it, what another wrote is not.
//!
//! # Example
//!
//! ```no_run
//! use thinksafe_core::likelihood::TurnScorer;
//! use thinksafe_core::log::RecordLog;
//! use thinksafe_core::seed::Seed;
//! use thinksafe_eval::likelihood::{Likelihoods, Perplexity, Text, score_texts};
//! # fn measure(model: &mut dyn TurnScorer, texts: &[Text]) -> Result<(), Box<dyn std::error::Error>> {
//! let mut log = RecordLog::open("run/likelihoods.jsonl")?;
//! score_texts(model, texts, &mut log, &mut |_| {})?; // goes on where it was stopped
//! let found = Likelihoods::read(log.path(), model.scorer())?;
//! let perplexity = Perplexity::of(texts, &found, Seed(1));
//! if let Some(turn) = &perplexity.turn {
//!     println!("{:.3} over {} tokens", turn.perplexity.value, turn.tokens);
//! }
//! # Ok(())
//! # }
//! ```

mod log;
mod perplexity;

pub use log::{LikelihoodRecord, Likelihoods, ScoreCounts, Scored, Text, score_texts};
pub use perplexity::{PartPerplexity, Perplexity, perplexity_by_label};
