//! Small results on disk, each with the format that it is in.

use std::path::Path;

use anyhow::{Result, ensure};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thinksafe_core::fs;

/// The version of what this program stores.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored<T> {
    format: String,
    version: u32,
    value: T,
}

/// The value in a file; `None` if there is no file.
pub(crate) fn read<T: DeserializeOwned>(path: &Path, format: &'static str) -> Result<Option<T>> {
    if !path.is_file() {
        return Ok(None);
    }
    let stored: Stored<T> = fs::read_json(path, format)?;
    let known = stored.format == format && stored.version == VERSION;
    ensure!(known, "{} is not {format} of version {VERSION}", path.display());
    Ok(Some(stored.value))
}

/// Replaces a file.
pub(crate) fn write<T: Serialize>(path: &Path, format: &'static str, value: &T) -> Result<()> {
    let stored = Stored { format: format.to_owned(), version: VERSION, value };
    Ok(fs::write_json(path, format, &stored)?)
}
