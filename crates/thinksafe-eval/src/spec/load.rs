//! Loading: from a file as its owners publish it to a checked benchmark.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thinksafe_core::hash::ContentHash;
use thinksafe_trace::rows::{self, Row};

use super::items::Reader;
use super::{Expect, Spec};
use crate::Error;
use crate::benchmark::{Benchmark, Item};

/// A benchmark, and what its file was.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Loaded {
    /// The benchmark.
    pub benchmark: Benchmark,
    /// What it was read from.
    pub provenance: Provenance,
}

/// What a benchmark was read from, for reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// The file.
    pub path: PathBuf,
    /// How many rows it has.
    pub rows: u64,
    /// How many of them are items.
    pub items: u64,
    /// Hash of every value that items are made of, row after row. It is the same for the same rows in another format, and
    /// another as soon as one value differs.
    pub content: ContentHash,
    /// Whether the content is the one that the spec expects. False: the spec knows none, so nobody has checked.
    pub verified: bool,
}

impl std::fmt::Display for Provenance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { path, rows, items, content, verified } = self;
        let checked = if *verified { "as published" } else { "not compared with anything" };
        write!(f, "{items} items of the {rows} rows of {}, {checked}: {content}", path.display())
    }
}

impl Spec {
    /// Reads the file of the spec in the folder `dir`.
    ///
    /// # Errors
    /// [`Error::Rows`] and [`Error::Row`] with the file, the place, the field and what was expected;
    /// [`Error::UnexpectedFile`] if it holds other rows than expected; what [`Benchmark::new`] refuses.
    pub fn load(&self, dir: impl AsRef<Path>) -> Result<Loaded, Error> {
        let path = dir.as_ref().join(&self.file);
        let Read { items, contents, count: rows } = self.read_rows(&path)?;
        let provenance = Provenance {
            path,
            rows,
            items: items.len() as u64,
            content: ContentHash::of("thinksafe.benchmark", &contents),
            verified: self.expect.content.is_some(),
        };
        self.check(&provenance)?;
        let benchmark = Benchmark::new(&self.name, items, self.settings.clone())?;
        tracing::info!(benchmark = self.name, %provenance, "loaded a benchmark");
        Ok(Loaded { benchmark, provenance })
    }

    fn check(&self, provenance: &Provenance) -> Result<(), Error> {
        let Expect { rows, items, content } = &self.expect;
        let number = |n: &Option<u64>| n.map(|n| n.to_string());
        let facts = [
            ("rows", number(rows), provenance.rows.to_string()),
            ("items", number(items), provenance.items.to_string()),
            ("content", content.as_ref().map(ToString::to_string), provenance.content.to_string()),
        ];
        for (what, expected, found) in facts {
            if let Some(expected) = expected.filter(|expected| *expected != found) {
                let (path, benchmark) = (provenance.path.clone(), self.name.clone());
                return Err(Error::UnexpectedFile { path, benchmark, what, expected, found });
            }
        }
        Ok(())
    }

    fn read_rows(&self, path: &Path) -> Result<Read, Error> {
        let mut reader = Reader::new(self, path);
        let columns = reader.columns();
        let mut read = Read::default();
        // The row reader's error cannot hold ours.
        let mut failed = None;
        rows::read(path, &mut |row| {
            if read.count == 0 {
                has_columns(path, &columns, &row)?;
            }
            read.count += 1;
            if failed.is_none() && reader.keeps(&row)? {
                read.contents.push(content(path, &columns, &row));
                match reader.item(read.count, &row) {
                    Ok(item) => read.items.push(item),
                    Err(error) => failed = Some(error),
                }
            }
            Ok(())
        })?;
        failed.map_or(Ok(read), Err)
    }
}

/// What was read of a file.
#[derive(Default)]
struct Read {
    items: Vec<Item>,
    contents: Vec<Vec<Option<String>>>,
    count: u64,
}

fn content(path: &Path, columns: &[&str], row: &Row) -> Vec<Option<String>> {
    columns.iter().map(|column| row.scalar(path, column).ok()).collect()
}

/// Refuses a file that lacks a column by naming those that it has.
fn has_columns(path: &Path, columns: &[&str], first: &Row) -> Result<(), thinksafe_trace::Error> {
    let Some(missing) = columns.iter().find(|column| !first.fields.contains_key(**column)) else {
        return Ok(());
    };
    let found: Vec<String> = first.fields.keys().map(|name| format!("`{name}`")).collect();
    Err(thinksafe_trace::Error::MissingColumn {
        path: path.to_owned(),
        purpose: "benchmark",
        expected: format!("`{missing}`"),
        found: found.join(", "),
    })
}
