//! What steering does, and whether the paper's refusal-tilt assumption holds.
//!
//! ```text
//! k samples a prompt, unsteered and steered ──▶ verdicts ──▶ acceptance, ω, draws to the first accepted
//!                                                  │
//!              accepted ones ──TurnScorer──▶ ln p(y|x), ln p(y|I,x) ──▶ Tilt, DistributionTest
//! ```
//!
//! Assumption 4.3 of the paper: steering multiplies the probability of every safe response to a prompt by one factor,
//! p(y|I,x) = (ω/Z) p(y|x). Then (Corollary 4.4) the accepted steered responses are distributed as the accepted unsteered
//! ones, and the acceptance rate rises from a to ωa / (1 + (ω − 1)a). What can be measured of it:
//!
//! * [`Acceptance`], [`TwoByTwo::odds_ratio`](crate::statistics::TwoByTwo::odds_ratio) and
//!   [`mantel_haenszel`](crate::statistics::mantel_haenszel): the rates, and ω, which is their odds ratio.
//! * [`Draws`]: how many samples the first accepted one takes, seen and as ω predicts.
//! * [`Tilt`]: the log-ratio ln p(y|I,x) − ln p(y|x) of accepted responses, which has to be one number a prompt.
//! * [`DistributionTest`]: a permutation test that accepted steered and unsteered responses have one distribution.
//!
//! [`SteeringReport`] holds all of them, as data, as text and as a page. `docs/STEERING.md` says what a rejection means.
//!
//! The samples of the two sides must have seeds of their own: a sample's seed depends on prompt and index alone, and with
//! common seeds the two sides would draw the same random numbers.

mod acceptance;
mod distribution;
mod draws;
mod figures;
mod page;
mod report;
mod sample;
mod tilt;

pub use acceptance::{Acceptance, Counts};
pub use distribution::{DistributionTest, Statistic};
pub use draws::Draws;
pub use report::{NamedPerplexity, PromptResult, SteeringReport, SteeringSettings};
pub use sample::{Outcome, PromptSamples, Sample, SampleLikelihood};
pub use tilt::{Residuals, Tilt};
