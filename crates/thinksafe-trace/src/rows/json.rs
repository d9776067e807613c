//! Rows from JSON: an array of objects, an object of texts, or an object a line.

use std::path::Path;

use serde_json::{Map, Value};

use super::{EachRow, Row, read_text};
use crate::error::{Error, Place};

pub(super) fn read_array(path: &Path, each: EachRow<'_>) -> Result<(), Error> {
    let text = read_text(path)?;
    let rows: Result<Vec<Map<String, Value>>, _> = serde_json::from_str(&text);
    let rows = match rows {
        Ok(rows) => rows,
        Err(source) => entries(&text).ok_or_else(|| {
            let place = Place::Line(source.line() as u64);
            syntax(path, place, "JSON array of objects", source)
        })?,
    };
    for (row, fields) in (1..).zip(rows) {
        each(Row { place: Place::Row(row), fields })?;
    }
    Ok(())
}

/// The entries of an object of texts, each as a row of `key` and `value`.
fn entries(text: &str) -> Option<Vec<Map<String, Value>>> {
    let object: Map<String, Value> = serde_json::from_str(text).ok()?;
    let texts = !object.is_empty() && object.values().all(Value::is_string);
    let row = |(key, value): (String, Value)| {
        Map::from_iter([("key".to_owned(), Value::from(key)), ("value".to_owned(), value)])
    };
    texts.then(|| object.into_iter().map(row).collect())
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
