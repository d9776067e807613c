//! A report as files: JSON of a format and a version, and the page made of it.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thinksafe_core::fs;

use crate::Error;

/// Writes both files, each as a whole or not at all.
pub(crate) fn save(
    format: &'static str,
    (json, document): (&Path, &impl Serialize),
    (html, page): (&Path, String),
) -> Result<(), Error> {
    fs::write_json(json, format, document)?;
    Ok(fs::write_atomic(html, page)?)
}

/// Reads the JSON; another format or version is refused before the other fields are looked at.
pub(crate) fn read<D: DeserializeOwned>(
    path: &Path,
    format: &'static str,
    version: u32,
) -> Result<D, Error> {
    let header: Header = fs::read_json(path, format)?;
    if header.format != format || header.version != version {
        let found = format!("{:?} version {}", header.format, header.version);
        return Err(Error::ReportFormat { path: path.to_owned(), version, found });
    }
    Ok(fs::read_json(path, format)?)
}

#[derive(Deserialize)]
struct Header {
    format: String,
    version: u32,
}
