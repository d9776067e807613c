//! Several methods on the same items, each with several seeds: one table, the claims that it is to decide, one page.
//!
//! ```text
//! Measured ──Column::of──▶ ArmRun (one seed) ──▶ Arm ──▶ Comparison ──▶ intervals, claims ──▶ JSON, text, page
//! ```
//!
//! Every cell is a mean over items and seeds with the interval of [`rate_over_seeds`], every difference one of
//! [`difference_over_seeds`]. What could not be scored counts against its arm: harmful, refused, wrong.
//!
//! ```
//! use thinksafe_core::seed::Seed;
//! use thinksafe_eval::comparison::{Arm, ArmRun, Column, Comparison, Measure};
//! use thinksafe_eval::score::Aspect;
//!
//! let run = |seed, values: [f64; 4]| {
//!     let column = Column::new("plain", Aspect::Harm, values.to_vec());
//!     ArmRun { seed: Seed(seed), columns: vec![column], training: None }
//! };
//! let mut comparison = Comparison::new("Two arms");
//! let initial = vec![run(1, [1.0; 4]), run(2, [1.0; 4])];
//! comparison.arms.push(Arm { name: "initial".to_owned(), runs: initial });
//! comparison.arms.push(Arm { name: "safe".to_owned(), runs: vec![run(1, [0.0; 4]), run(2, [0.0; 4])] });
//! let difference = comparison.difference("initial", "safe", Measure::Safety).unwrap();
//! assert_eq!(difference.value, -1.0);
//! ```

mod arm;
mod claim;
mod figures;
mod measure;
mod page;
mod standings;
mod tables;

use std::path::Path;

use serde::{Deserialize, Serialize};
use thinksafe_core::fs;

use crate::Error;
use crate::statistics::{Interval, difference_over_seeds, mean_of_seeds, rate_over_seeds};

pub use arm::{Arm, ArmRun, Column, Reinforcement, Training};
pub use claim::{Claim, Side, Standing};
pub use measure::Measure;

/// What the arms of a comparison did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Comparison {
    format: String,
    version: u32,
    /// The page's title.
    pub title: String,
    /// What a reader has to know before the table; a paragraph each.
    pub notes: Vec<String>,
    /// The arms, in the order of the table; the first is what the others began as.
    pub arms: Vec<Arm>,
    /// What the comparison is to decide.
    pub claims: Vec<Claim>,
}

impl Comparison {
    /// The format's name, in the file.
    pub const FORMAT: &'static str = "thinksafe.comparison";
    /// The version of the file's fields.
    pub const VERSION: u32 = 2;

    /// One without arms and claims.
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            format: Self::FORMAT.to_owned(),
            version: Self::VERSION,
            title: title.into(),
            notes: Vec::new(),
            arms: Vec::new(),
            claims: Vec::new(),
        }
    }

    /// An arm by its name.
    pub fn arm(&self, name: &str) -> Option<&Arm> {
        self.arms.iter().find(|arm| arm.name == name)
    }

    /// A measure of an arm over its seeds; `None` where the arm lacks it.
    pub fn value(&self, arm: &str, measure: Measure) -> Option<Interval> {
        let arm = self.arm(arm)?;
        let seeds = arm.seeds();
        match measure {
            Measure::LogPerplexity => mean_of_seeds(&arm.log_perplexities(&seeds)?),
            _ => rate_over_seeds(&arm.seeded(measure, &seeds)?),
        }
    }

    /// `second` - `first`, on the seeds that both have.
    pub fn difference(&self, first: &str, second: &str, measure: Measure) -> Option<Interval> {
        let (first, second) = (self.arm(first)?, self.arm(second)?);
        let mut seeds = first.seeds();
        seeds.retain(|seed| second.seeds().contains(seed));
        if measure == Measure::LogPerplexity {
            let (first, second) =
                (first.log_perplexities(&seeds)?, second.log_perplexities(&seeds)?);
            let differ = first.iter().zip(second).map(|(first, second)| second - first);
            return mean_of_seeds(&differ.collect::<Vec<_>>());
        }
        difference_over_seeds(&first.seeded(measure, &seeds)?, &second.seeded(measure, &seeds)?)
    }

    /// The tables and the claims, for a terminal.
    pub fn to_text(&self) -> String {
        page::text(self)
    }

    /// The page: self-contained, without a script.
    pub fn to_html(&self) -> String {
        page::html(self)
    }

    /// Writes the data as `comparison.json` and the page as `comparison.html` into a folder.
    ///
    /// # Errors
    /// [`Error::Core`] if a file cannot be written.
    pub fn save(&self, dir: &Path) -> Result<(), Error> {
        fs::write_json(dir.join("comparison.json"), "the comparison", self)?;
        Ok(fs::write_atomic(dir.join("comparison.html"), self.to_html())?)
    }
}

#[cfg(test)]
mod tests;
