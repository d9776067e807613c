//! File access whose errors name the file, and writes that are never seen half done.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::Error;

/// Reads a whole file.
///
/// # Errors
/// [`Error::Io`] with the path.
pub fn read(path: impl AsRef<Path>) -> Result<Vec<u8>, Error> {
    let path = path.as_ref();
    std::fs::read(path).map_err(|source| io("read", path, source))
}

/// Reads a whole UTF-8 file.
///
/// # Errors
/// [`Error::Io`] with the path; bytes that are not UTF-8 are an error of kind `InvalidData`.
pub fn read_to_string(path: impl AsRef<Path>) -> Result<String, Error> {
    let path = path.as_ref();
    std::fs::read_to_string(path).map_err(|source| io("read", path, source))
}

/// Creates a directory and its parents.
///
/// # Errors
/// [`Error::Io`] with the path.
pub fn create_dir_all(path: impl AsRef<Path>) -> Result<(), Error> {
    let path = path.as_ref();
    std::fs::create_dir_all(path).map_err(|source| io("create", path, source))
}

/// The paths in a directory, in the order of their names.
///
/// # Errors
/// [`Error::Io`] with the directory's path.
pub fn list(dir: impl AsRef<Path>) -> Result<Vec<PathBuf>, Error> {
    let dir = dir.as_ref();
    let entries = std::fs::read_dir(dir).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let entries = entries.map_err(|source| io("read", dir, source))?;
    let mut paths: Vec<PathBuf> = entries.iter().map(std::fs::DirEntry::path).collect();
    paths.sort();
    Ok(paths)
}

/// Replaces a file as one step: a reader, also one after a crash, sees the old content or the new, never a part.
///
/// The content goes to a temporary file beside `path`, is synced to disk, and is renamed over `path`.
///
/// # Errors
/// [`Error::Io`] with the path; the old file, if any, is then untouched.
pub fn write_atomic(path: impl AsRef<Path>, content: impl AsRef<[u8]>) -> Result<(), Error> {
    let path = path.as_ref();
    if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        create_dir_all(parent)?;
    }
    let temporary = temporary_beside(path);
    let mut file = File::create(&temporary).map_err(|e| io("create", &temporary, e))?;
    file.write_all(content.as_ref()).map_err(|e| io("write", &temporary, e))?;
    file.sync_all().map_err(|e| io("sync", &temporary, e))?;
    drop(file);
    rename(&temporary, path)
}

/// Removes a file, if it is there.
///
/// # Errors
/// [`Error::Io`] with the path.
pub fn remove_file_if_exists(path: impl AsRef<Path>) -> Result<(), Error> {
    let path = path.as_ref();
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(io("remove", path, source))
        }
        _ => Ok(()),
    }
}

/// Renames a file or directory over another and syncs the directory, so that the new name survives a crash.
///
/// # Errors
/// [`Error::Io`] with the path.
pub fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<(), Error> {
    let to = to.as_ref();
    std::fs::rename(from, to).map_err(|e| io("rename to", to, e))?;
    let parent = match to.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    };
    File::open(parent).and_then(|d| d.sync_all()).map_err(|e| io("sync", parent, e))
}

/// Writes a value as pretty JSON with [`write_atomic`].
///
/// # Errors
/// [`Error::Serialize`] or [`Error::Io`].
pub fn write_json(
    path: impl AsRef<Path>,
    what: &'static str,
    value: &impl serde::Serialize,
) -> Result<(), Error> {
    let mut text =
        serde_json::to_string_pretty(value).map_err(|source| Error::Serialize { what, source })?;
    text.push('\n');
    write_atomic(path, text)
}

/// Reads a JSON file into a value.
///
/// # Errors
/// [`Error::Io`], or [`Error::Parse`] with the line.
pub fn read_json<T: serde::de::DeserializeOwned>(
    path: impl AsRef<Path>,
    expected: &'static str,
) -> Result<T, Error> {
    let path = path.as_ref();
    serde_json::from_str(&read_to_string(path)?).map_err(|source| Error::Parse {
        path: path.to_owned(),
        line: source.line(),
        expected,
        source,
    })
}

fn temporary_beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    path.with_file_name(name)
}

fn io(action: &'static str, path: &Path, source: std::io::Error) -> Error {
    Error::Io { action, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_atomic_write_replaces_and_leaves_nothing_beside() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/file.txt");
        write_atomic(&path, "one").unwrap();
        write_atomic(&path, "two").unwrap();
        assert_eq!(read_to_string(&path).unwrap(), "two");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn errors_name_the_file_and_the_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bad.json");
        std::fs::write(&path, "{\n\"a\": }").unwrap();
        let error = read_json::<serde_json::Value>(&path, "config").unwrap_err();
        assert!(error.to_string().contains("bad.json:2: not a valid config"), "{error}");
    }
}
