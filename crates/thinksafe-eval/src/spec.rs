//! Benchmarks as files describe them: where the rows are, which columns mean what, how each item is asked.
//!
//! A [`Spec`] is plain data. The [catalogue](crate::catalog) holds those of the published sets; one of your own is a few
//! lines of TOML, or of code:
//!
//! ```
//! use thinksafe_eval::spec::Spec;
//!
//! # let dir = tempfile::tempdir()?;
//! # std::fs::write(dir.path().join("mine.csv"), "question,answer\nWhat is 17 + 25?,42\n")?;
//! let spec: Spec = r#"
//!     name = "mine"
//!     file = "mine.csv"
//!     aspect = "reasoning"
//!     prompt = 'Put your final answer within \boxed{}. {{question}}'
//!
//!     [columns]
//!     text = "question"
//!     reference = { column = "answer" }
//!
//!     [settings]
//!     samples = 8
//!     seed = 1
//!     sampling = { temperature = 0.6, max_new_tokens = 1024 }
//! "#.parse()?;
//! let loaded = spec.load(dir.path())?;
//! assert_eq!(loaded.benchmark.items()[0].reference.as_deref(), Some("42"));
//! assert!(!loaded.provenance.verified);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod choices;
mod items;
mod load;
mod python_random;
mod template;

pub use choices::Choices;
pub use load::{Loaded, Provenance};

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thinksafe_core::hash::ContentHash;
use thinksafe_core::prompt::PromptLabel;

use crate::Error;
use crate::benchmark::Settings;
use crate::score::Aspect;

/// What a benchmark is, apart from its rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The benchmark's name.
    pub name: String,
    /// What it is, in a sentence.
    #[serde(default)]
    pub about: String,
    /// Where its owners publish it.
    #[serde(default)]
    pub source: String,
    /// What its owners allow.
    #[serde(default)]
    pub licence: String,
    /// The file of its rows, relative to the folder that it is loaded from; the extension names the format.
    pub file: PathBuf,
    /// The question that it answers, which decides how it is scored.
    pub aspect: Aspect,
    /// What the user's message says: text with `{{column}}` and `{{choices}}` in it. Absent: the text itself.
    #[serde(default)]
    pub prompt: Option<String>,
    /// The label of the items; absent: they have none.
    #[serde(default)]
    pub label: Option<Label>,
    /// Which columns mean what.
    pub columns: Columns,
    /// Which rows are items: those that have one of these values in each of these columns.
    #[serde(default)]
    pub keep: BTreeMap<String, Vec<String>>,
    /// The choices of a multiple-choice question; the letter of the right one is then the reference.
    #[serde(default)]
    pub choices: Option<Choices>,
    /// What the file is known to hold; everything else is refused.
    #[serde(default)]
    pub expect: Expect,
    /// How every item is asked.
    pub settings: Settings,
}

/// Which columns mean what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Columns {
    /// What the user asks, without instructions for the form of the answer: what judges see, and seeds are made of.
    pub text: String,
    /// A text that the question is about, before it with a line of dashes between, as HarmBench has it. Rows where it is
    /// blank have none.
    #[serde(default)]
    pub context: Option<String>,
    /// The items' ids; absent: the number of the row.
    #[serde(default)]
    pub id: Option<String>,
    /// The right answer.
    #[serde(default)]
    pub reference: Option<Reference>,
    /// The group that results are also given for.
    #[serde(default)]
    pub category: Option<String>,
    /// What items that are not independent have in common.
    #[serde(default)]
    pub cluster: Option<String>,
}

/// Where the labels come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[expect(clippy::exhaustive_enums, reason = "a file has labels or is given one")]
pub enum Label {
    /// Every item has this label.
    Fixed(PromptLabel),
    /// A column, whose values mean what the map says; a value outside the map is an error.
    Mapped {
        /// The column.
        column: String,
        /// Each value's meaning.
        meaning: BTreeMap<String, PromptLabel>,
    },
}

/// Where the right answer is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// The column.
    pub column: String,
    /// Only what follows the last of these marks, trimmed (`####` in GSM8K); a row without it is an error.
    #[serde(default)]
    pub after: Option<String>,
}

/// What a file is known to hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// How many rows.
    #[serde(default)]
    pub rows: Option<u64>,
    /// How many of them are items.
    #[serde(default)]
    pub items: Option<u64>,
    /// The hash of what the items are made of (see [`Provenance::content`]).
    #[serde(default)]
    pub content: Option<ContentHash>,
}

impl Spec {
    /// Reads a spec from a TOML file.
    ///
    /// # Errors
    /// [`Error::Core`] if the file cannot be read; [`Error::Spec`] with the line and the field.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let text = thinksafe_core::fs::read_to_string(path)?;
        parse(&text, &path.display().to_string())
    }
}

impl FromStr for Spec {
    type Err = Error;

    /// Parses a spec from TOML.
    fn from_str(text: &str) -> Result<Self, Error> {
        parse(text, "a benchmark")
    }
}

fn parse(text: &str, name: &str) -> Result<Spec, Error> {
    toml::from_str(text).map_err(|source| Error::Spec { name: name.to_owned(), source })
}
