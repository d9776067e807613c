//! Rows from CSV with a header line (RFC 4180), and the same with tabs for commas.

use std::path::Path;

use serde_json::Value;

use super::{EachRow, Row, read_text};
use crate::error::{Error, Place};

/// What stands between fields, and the format's name.
pub(super) type Delimiter = (u8, &'static str);

pub(super) const COMMA: Delimiter = (b',', "CSV");
pub(super) const TAB: Delimiter = (b'\t', "TSV");

pub(super) fn read(path: &Path, delimiter: Delimiter, each: EachRow<'_>) -> Result<(), Error> {
    let (delimiter, format) = delimiter;
    let syntax = |line, source| syntax(path, format, line, source);
    let text = read_text(path)?;
    if let Some(line) = unclosed_quote(&text, delimiter) {
        return Err(syntax(line, "a quoted field is never closed".into()));
    }
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|source| syntax(1, source.into()))?.clone();
    if let Some(name) = repeated(&header) {
        return Err(syntax(1, format!("the column `{name}` appears twice").into()));
    }
    for record in reader.records() {
        let record = record.map_err(|source| {
            let line = source.position().map_or(1, csv::Position::line);
            syntax(line, source.into())
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
fn unclosed_quote(text: &str, delimiter: u8) -> Option<u64> {
    let (mut quoted, mut opened_on, mut line) = (false, 1, 1);
    let mut before = b'\n';
    for byte in text.bytes() {
        match (byte, before) {
            (b'"', _) if quoted => quoted = false,
            (b'"', before) if before == delimiter || before == b'\n' || before == b'\r' => {
                (quoted, opened_on) = (true, line);
            }
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
    expected: &'static str,
    line: u64,
    source: Box<dyn std::error::Error + Send + Sync>,
) -> Error {
    Error::Syntax { path: path.to_owned(), place: Place::Line(line), expected, source }
}
