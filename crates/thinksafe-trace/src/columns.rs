//! Which columns of a file hold the prompts, their labels and their ids.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use thinksafe_core::prompt::PromptLabel;

use crate::error::{Error, FieldProblem};
use crate::rows::Row;

/// Where the labels come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "a file has labels or is given one")]
pub enum LabelSource {
    /// Exactly one of these columns, whose values are the four published labels.
    Published(Vec<String>),
    /// This column, whose values mean what the map says; a value outside the map is an error.
    Mapped {
        /// The column.
        column: String,
        /// Each value's meaning.
        meaning: BTreeMap<String, PromptLabel>,
    },
    /// Every prompt has this label.
    Fixed(PromptLabel),
}

/// Which columns of a file to read.
///
/// ```
/// use thinksafe_core::prompt::PromptLabel;
/// use thinksafe_trace::Columns;
///
/// let strongreject =
///     Columns::default().with_text("forbidden_prompt").with_label(PromptLabel::VanillaHarmful);
/// let xstest = Columns::default().with_label_column(
///     "label",
///     [("safe", PromptLabel::VanillaBenign), ("unsafe", PromptLabel::VanillaHarmful)],
/// );
/// # let _ = (strongreject, xstest);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Columns {
    /// Names of the prompt's text; the file must have exactly one of them.
    pub text: Vec<String>,
    /// Where the labels come from.
    pub label: LabelSource,
    /// Names of the prompt's id; the file may have at most one of them. Without, ids are derived from the texts.
    pub id: Vec<String>,
}

impl Default for Columns {
    /// Text in `prompt`, `instruction`, `question` or `goal`; label in `label` or `prompt_label`; id in `id`.
    fn default() -> Self {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            text: names(&["prompt", "instruction", "question", "goal"]),
            label: LabelSource::Published(names(&["label", "prompt_label"])),
            id: names(&["id"]),
        }
    }
}

impl Columns {
    /// Reads the text from this column.
    #[must_use]
    pub fn with_text(self, column: impl Into<String>) -> Self {
        Self { text: vec![column.into()], ..self }
    }

    /// Gives every prompt this label.
    #[must_use]
    pub fn with_label(self, label: PromptLabel) -> Self {
        Self { label: LabelSource::Fixed(label), ..self }
    }

    /// Reads labels from this column, whose values mean what the pairs say.
    #[must_use]
    pub fn with_label_column<V: Into<String>>(
        self,
        column: impl Into<String>,
        meaning: impl IntoIterator<Item = (V, PromptLabel)>,
    ) -> Self {
        let meaning = meaning.into_iter().map(|(value, label)| (value.into(), label)).collect();
        Self { label: LabelSource::Mapped { column: column.into(), meaning }, ..self }
    }

    /// Reads the id from this column.
    #[must_use]
    pub fn with_id(self, column: impl Into<String>) -> Self {
        Self { id: vec![column.into()], ..self }
    }

    /// Derives the ids even if the file has some.
    #[must_use]
    pub fn with_derived_ids(self) -> Self {
        Self { id: Vec::new(), ..self }
    }

    /// Settles on the columns of one file, by the columns of its first row.
    pub(crate) fn resolve(&self, path: &Path, first: &Row) -> Result<Resolved, Error> {
        let found: Vec<&str> = first.fields.keys().map(String::as_str).collect();
        let choose = |purpose, names: &[String]| choose(path, purpose, names, &found);
        let require = |purpose, names: &[String]| {
            choose(purpose, names)?.ok_or_else(|| Error::MissingColumn {
                path: path.to_owned(),
                purpose,
                expected: listed(names.iter().map(String::as_str)),
                found: listed(found.iter().copied()),
            })
        };
        let label = match &self.label {
            LabelSource::Fixed(label) => ResolvedLabel::Fixed(*label),
            LabelSource::Published(names) => ResolvedLabel::Column {
                column: require("label", names)?,
                meaning: published_labels(),
            },
            LabelSource::Mapped { column, meaning } => ResolvedLabel::Column {
                column: require("label", std::slice::from_ref(column))?,
                meaning: meaning.clone(),
            },
        };
        let id = choose("id", &self.id)?;
        Ok(Resolved { text: require("text", &self.text)?, label, id })
    }
}

/// The columns of one file.
#[derive(Debug)]
pub(crate) struct Resolved {
    pub(crate) text: String,
    label: ResolvedLabel,
    pub(crate) id: Option<String>,
}

#[derive(Debug)]
enum ResolvedLabel {
    Fixed(PromptLabel),
    Column { column: String, meaning: BTreeMap<String, PromptLabel> },
}

impl Resolved {
    pub(crate) fn label(&self, path: &Path, row: &Row) -> Result<PromptLabel, Error> {
        let (column, meaning) = match &self.label {
            ResolvedLabel::Fixed(label) => return Ok(*label),
            ResolvedLabel::Column { column, meaning } => (column, meaning),
        };
        let found = row.scalar(path, column)?;
        meaning.get(&found).copied().ok_or_else(|| {
            let problem = FieldProblem::UnknownLabel {
                found: found.chars().take(40).collect(),
                expected: listed(meaning.keys().map(String::as_str)),
            };
            row.problem(path, column, problem)
        })
    }
}

fn published_labels() -> BTreeMap<String, PromptLabel> {
    PromptLabel::ALL.map(|label| (label.as_str().to_owned(), label)).into()
}

fn choose(
    path: &Path,
    purpose: &'static str,
    names: &[String],
    found: &[&str],
) -> Result<Option<String>, Error> {
    let mut there = names.iter().filter(|name| found.contains(&name.as_str()));
    match (there.next(), there.next()) {
        (Some(first), Some(second)) => Err(Error::AmbiguousColumn {
            path: path.to_owned(),
            purpose,
            first: first.clone(),
            second: second.clone(),
        }),
        (first, _) => Ok(first.cloned()),
    }
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
