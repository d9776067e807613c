//! The crate's error.

use std::path::PathBuf;

/// Where in a file of prompts something is, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "text files have lines, the others rows")]
pub enum Place {
    /// A line of a text file.
    Line(u64),
    /// An element of a JSON array or a row of a Parquet file.
    Row(u64),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Row(row) => write!(f, "row {row}"),
        }
    }
}

/// What is wrong with one field of one row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FieldProblem {
    /// It is there and blank.
    #[error("is blank")]
    Blank,
    /// It is not there.
    #[error("is missing")]
    Missing,
    /// An id stands in an earlier row too.
    #[error("repeats the id `{id}` of {first}")]
    RepeatedId {
        /// The id.
        id: String,
        /// Where it was first.
        first: Place,
    },
    /// A label has no meaning.
    #[error("has the unknown label `{found}`, expected one of {expected}")]
    UnknownLabel {
        /// The label, at most 40 characters of it.
        found: String,
        /// The labels with a meaning.
        expected: String,
    },
    /// It is of another type.
    #[error("is {found}, expected {expected}")]
    WrongType {
        /// What it is: `a number`, `null`, ...
        found: &'static str,
        /// What it should be.
        expected: &'static str,
    },
}

/// What can go wrong with prompt sets and trace generation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// More than one column could be the one wanted.
    #[error("{path}: both `{first}` and `{second}` could be the {purpose} column, name one")]
    AmbiguousColumn {
        /// The file.
        path: PathBuf,
        /// What the column is for: `text` or `id`.
        purpose: &'static str,
        /// One of them.
        first: String,
        /// Another.
        second: String,
    },
    /// A file, a record log, a setting or an engine failed.
    #[error(transparent)]
    Core(#[from] thinksafe_core::Error),
    /// Two prompts of a set have the same id.
    #[error("prompts {first} and {second} of the set (from 1) have the same id `{id}`")]
    DuplicateId {
        /// The id.
        id: String,
        /// The first prompt with it.
        first: usize,
        /// The second prompt with it.
        second: usize,
    },
    /// A prompt file holds no prompt.
    #[error("{path} holds no prompts")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// One field of one row is not as it should be.
    #[error("{path}, {place}: field `{field}` {problem}")]
    Field {
        /// The file.
        path: PathBuf,
        /// The line or row.
        place: Place,
        /// The field.
        field: String,
        /// What is wrong with it.
        problem: FieldProblem,
    },
    /// The wanted column is not in the file.
    #[error("{path}: no {purpose} column; expected {expected}, the file has {found}")]
    MissingColumn {
        /// The file.
        path: PathBuf,
        /// What the column is for: `text`, `label` or `id`.
        purpose: &'static str,
        /// The names looked for.
        expected: String,
        /// The file's columns.
        found: String,
    },
    /// A generation setting is out of its range.
    #[error("trace setting `{field}` is {value}, expected {expected}")]
    Setting {
        /// The setting.
        field: &'static str,
        /// Its value.
        value: String,
        /// The range.
        expected: &'static str,
    },
    /// A file is not of the format that its name says.
    #[error("{path}, {place}: not valid {expected}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line or row.
        place: Place,
        /// The format, or what was expected at this place.
        expected: &'static str,
        /// The parser's words.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An engine ended without an answer to every request.
    #[error("{engine} ended normally but left {missing} of {requested} requests unanswered")]
    Unanswered {
        /// The engine.
        engine: String,
        /// Requests without a completion.
        missing: u64,
        /// Requests made.
        requested: u64,
    },
    /// Logs that are to be merged do not hold all samples of the run.
    #[error(
        "{missing} of {total} samples are in none of the logs: run the ranks that lack them again"
    )]
    Unfinished {
        /// Samples that are in no log.
        missing: u64,
        /// Samples of the run.
        total: u64,
    },
    /// The file's extension is of no format that is read here.
    #[error("{path}: expected a file named .json, .jsonl, .csv, .tsv{parquet}", parquet = parquet_hint())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
    },
}

fn parquet_hint() -> &'static str {
    if cfg!(feature = "parquet") {
        " or .parquet"
    } else {
        " (.parquet with the feature `parquet`)"
    }
}
