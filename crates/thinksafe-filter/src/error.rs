//! The crate's error.

use std::path::PathBuf;

/// What can go wrong with judging, filtering and datasets.
///
/// A single exchange that cannot be judged is no error but an undetermined verdict.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file, a record log or an engine failed.
    #[error(transparent)]
    Core(#[from] thinksafe_core::Error),
    /// A dataset file holds no row.
    #[error("{path} holds no rows")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// Nothing was selected from, since no guard's verdicts were given.
    #[error("selection needs the verdicts of at least one guard")]
    NoGuard,
    /// Resampling looks for one sample that passes, and the policy wants all of them to.
    #[error("a policy that wants all samples of a prompt to pass leaves nothing to resample")]
    ResampleAll,
    /// A field of a dataset row contradicts the rest of the row.
    #[error("{path}:{line}: field `{field}` {problem}")]
    Row {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A dataset row is of a version that this program does not read.
    #[error("{path}:{line}: dataset row of version {found}, expected version {expected}")]
    RowVersion {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The row's version.
        found: u32,
        /// The version this program reads.
        expected: u32,
    },
    /// A guard's or a policy's setting is out of its range.
    #[error("filter setting `{field}` is {value}, expected {expected}")]
    Setting {
        /// The setting.
        field: &'static str,
        /// Its value.
        value: f64,
        /// The range.
        expected: &'static str,
    },
    /// A guard was given no format to ask in.
    #[error("a guard needs at least one format")]
    NoFormat,
    /// The words or tokens that stand for verdicts cannot tell them apart.
    #[error("filter setting `{field}` {problem}")]
    Spelling {
        /// The setting.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A trace was steered otherwise than the plan says, so its prompt cannot be shown as it was asked.
    #[error("the trace of prompt `{prompt}` was steered by `{steering}`, which is not the plan's")]
    Steering {
        /// The prompt's id.
        prompt: String,
        /// The template's name.
        steering: String,
    },
    /// A rubric's template has no place for what it is about.
    #[error("rubric template: {problem}")]
    Template {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Prompts or the generation of traces failed.
    #[error(transparent)]
    Trace(#[from] thinksafe_trace::Error),
    /// A judge ended without a verdict on every exchange.
    #[error("{judge} ended normally but left {missing} traces without a verdict")]
    Unjudged {
        /// The judge.
        judge: String,
        /// Traces without a verdict.
        missing: u64,
    },
}
