//! Rows from CSV with a header line (RFC 4180).

use std::path::Path;

use serde_json::Value;

use super::{EachRow, Row, read_text};
use crate::error::{Error, Place};

pub(super) fn read(path: &Path, each: EachRow<'_>) -> Result<(), Error> {
    let text = read_text(path)?;
    if let Some(line) = unclosed_quote(&text) {
        return Err(syntax(path, line, "a quoted field is never closed"));
    }
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().map_err(|source| syntax(path, 1, source))?.clone();
    if let Some(name) = repeated(&header) {
        return Err(syntax(path, 1, format!("the column `{name}` appears twice")));
    }
    for record in reader.records() {
        let record = record.map_err(|source| {
            let line = source.position().map_or(1, csv::Position::line);
            syntax(path, line, source)
        })?;
        let line = record.position().map_or(1, csv::Position::line);
        let fields = header.iter().zip(&record);
        let fields = fields.map(|(name, field)| (name.to_owned(), Value::from(field))).collect();
        each(Row { place: Place::Line(line), fields })?;
    }
    Ok(())
}

/// The line on which a quoted field begins that runs to the end of the file.
///
/// The parser takes such a field as closed by the end, and with it every row that it swallowed.
fn unclosed_quote(text: &str) -> Option<u64> {
    let (mut quoted, mut opened_on, mut line) = (false, 1, 1);
    let mut before = b'\n';
    for byte in text.bytes() {
        match (byte, before) {
            (b'"', _) if quoted => quoted = false,
            (b'"', b',' | b'\n' | b'\r') => (quoted, opened_on) = (true, line),
            // A doubled quote closed the field one byte ago and opens it again.
            (b'"', b'"') => quoted = true,
            (b'\n', _) => line += 1,
            _ => {}
        }
        before = byte;
    }
    quoted.then_some(opened_on)
}

fn repeated(header: &csv::StringRecord) -> Option<&str> {
    header
        .iter()
        .enumerate()
        .find(|(i, name)| header.iter().take(*i).any(|n| n == *name))
        .map(|(_, name)| name)
}

fn syntax(
    path: &Path,
    line: u64,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> Error {
    let place = Place::Line(line);
    Error::Syntax { path: path.to_owned(), place, expected: "CSV", source: source.into() }
}
