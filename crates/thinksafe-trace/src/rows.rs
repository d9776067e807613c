//! Rows of data files, whatever their format: what prompt sets are made of, and benchmarks.

mod csv;
mod json;
#[cfg(feature = "parquet")]
mod parquet;

use std::path::Path;

use serde_json::{Map, Value};

use crate::error::{Error, FieldProblem, Place};

/// One row: its columns by name, and where it stands.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Row {
    /// The line or the row, from 1.
    pub place: Place,
    /// The columns, in the order of the file.
    pub fields: Map<String, Value>,
}

/// Receives the rows of a file one at a time.
pub type EachRow<'a> = &'a mut dyn FnMut(Row) -> Result<(), Error>;

/// Reads a file in the format that its extension names: a JSON array of objects (`.json`), JSON Lines (`.jsonl`), CSV or
/// TSV with a header (`.csv`, `.tsv`) or, with the feature `parquet`, Parquet (`.parquet`).
///
/// A `.json` that is one object of texts has a row an entry, with the columns `key` and `value`.
///
/// # Errors
/// [`Error::UnknownFormat`], [`Error::Syntax`] with the line or row, a file that cannot be read, and what `each` returns.
pub fn read(path: &Path, each: EachRow<'_>) -> Result<(), Error> {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    match extension.to_ascii_lowercase().as_str() {
        "json" => json::read_array(path, each),
        "jsonl" => json::read_lines(path, each),
        "csv" => csv::read(path, csv::COMMA, each),
        "tsv" => csv::read(path, csv::TAB, each),
        #[cfg(feature = "parquet")]
        "parquet" => parquet::read(path, each),
        _ => Err(Error::UnknownFormat { path: path.to_owned() }),
    }
}

impl Row {
    /// A field that must be text and not blank.
    ///
    /// # Errors
    /// [`Error::Field`] with the place and the field.
    pub fn text(&self, path: &Path, field: &str) -> Result<&str, Error> {
        let text = match self.value(path, field)? {
            Value::String(text) => text,
            other => return Err(self.wrong_type(path, field, other, "text")),
        };
        if text.trim().is_empty() {
            return Err(self.problem(path, field, FieldProblem::Blank));
        }
        Ok(text)
    }

    /// A field that must be text, a number or a boolean, as text and not blank.
    ///
    /// # Errors
    /// [`Error::Field`] with the place and the field.
    pub fn scalar(&self, path: &Path, field: &str) -> Result<String, Error> {
        match self.value(path, field)? {
            Value::String(_) => self.text(path, field).map(str::to_owned),
            Value::Number(number) => Ok(number.to_string()),
            Value::Bool(flag) => Ok(flag.to_string()),
            other => Err(self.wrong_type(path, field, other, "text or a number")),
        }
    }

    /// The error that this field has this problem.
    #[must_use]
    pub fn problem(&self, path: &Path, field: &str, problem: FieldProblem) -> Error {
        Error::Field { path: path.to_owned(), place: self.place, field: field.to_owned(), problem }
    }

    fn value(&self, path: &Path, field: &str) -> Result<&Value, Error> {
        self.fields.get(field).ok_or_else(|| self.problem(path, field, FieldProblem::Missing))
    }

    fn wrong_type(&self, path: &Path, field: &str, found: &Value, expected: &'static str) -> Error {
        self.problem(path, field, FieldProblem::WrongType { found: kind(found), expected })
    }
}

/// A file's text without a byte-order mark.
fn read_text(path: &Path) -> Result<String, Error> {
    let mut text = thinksafe_core::fs::read_to_string(path)?;
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    Ok(text)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
