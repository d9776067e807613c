//! Rows from JSON: an array of objects, or an object a line.

use std::path::Path;

use serde_json::{Map, Value};

use super::{EachRow, Row, read_text};
use crate::error::{Error, Place};

pub(super) fn read_array(path: &Path, each: EachRow<'_>) -> Result<(), Error> {
    let text = read_text(path)?;
    let rows: Vec<Map<String, Value>> = serde_json::from_str(&text).map_err(|source| {
        let place = Place::Line(source.line() as u64);
        syntax(path, place, "JSON array of objects", source)
    })?;
    for (row, fields) in (1..).zip(rows) {
        each(Row { place: Place::Row(row), fields })?;
    }
    Ok(())
}

pub(super) fn read_lines(path: &Path, each: EachRow<'_>) -> Result<(), Error> {
    let text = read_text(path)?;
    for (line, text) in (1..).zip(text.lines()) {
        if text.trim().is_empty() {
            continue;
        }
        let place = Place::Line(line);
        let fields = serde_json::from_str(text)
            .map_err(|source| syntax(path, place, "JSON object on one line", source))?;
        each(Row { place, fields })?;
    }
    Ok(())
}

fn syntax(path: &Path, place: Place, expected: &'static str, source: serde_json::Error) -> Error {
    Error::Syntax { path: path.to_owned(), place, expected, source: Box::new(source) }
}
