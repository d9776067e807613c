//! The append-only record log: one JSON line a finished item, keyed by what produced it.
//!
//! The log is the unit of resume. A restarted run opens it, asks which keys it holds, and does exactly what is
//! missing. A line is written in one piece; if a crash cuts the last one off, opening the log cuts that rest away
//! and its item is done again. Anything else that does not read is an error with its line: a log is never guessed at.

use std::collections::HashSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::hash::ContentHash;

mod index;

pub use index::LogIndex;

/// Something that is logged once finished.
pub trait Record: Serialize + DeserializeOwned {
    /// The log's format name, in its first line.
    const FORMAT: &'static str;
    /// The version of the record's fields.
    const VERSION: u32;

    /// The hash of everything that the record is a function of.
    fn key(&self) -> &ContentHash;
}

#[derive(Debug, Serialize, Deserialize)]
struct Header {
    format: String,
    version: u32,
}

/// A record log opened for appending; other processes are kept out until it is dropped.
#[derive(Debug)]
pub struct RecordLog<T> {
    path: PathBuf,
    file: File,
    keys: HashSet<ContentHash>,
    recovered_bytes: u64,
    record: PhantomData<fn(T)>,
}

impl<T: Record> RecordLog<T> {
    /// Opens a log, or creates it with its header line.
    ///
    /// A last line without its newline is what a crash left: it is cut off ([`recovered_bytes`](Self::recovered_bytes)).
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::LogLocked`] if another process appends to it; [`Error::LogFormat`] if it is another
    /// kind of log; [`Error::Parse`] or [`Error::LogDuplicate`] with the line.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let path = path.into();
        if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
            crate::fs::create_dir_all(parent)?;
        }
        let io = |action| {
            let path = path.clone();
            move |source| Error::Io { action, path, source }
        };
        let mut options = OpenOptions::new();
        let mut file =
            options.read(true).append(true).create(true).open(&path).map_err(io("open"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::LogLocked { path }),
            Err(TryLockError::Error(source)) => return Err(io("lock")(source)),
        }
        let length = file.metadata().map_err(io("read"))?.len();
        let whole = length_of_whole_lines(&mut file).map_err(io("read"))?;
        if whole < length {
            file.set_len(whole).map_err(io("truncate"))?;
        }
        let mut keys = HashSet::new();
        if whole > 0 {
            scan(&path, |line, record: T| {
                let key = record.key().clone();
                if keys.contains(&key) {
                    return Err(Error::LogDuplicate {
                        path: path.clone(),
                        line,
                        key: key.to_string(),
                    });
                }
                keys.insert(key);
                Ok(())
            })?;
        }
        let recovered_bytes = length - whole;
        let mut log = Self { path, file, keys, recovered_bytes, record: PhantomData };
        if whole == 0 {
            log.append_line(&Header { format: T::FORMAT.to_owned(), version: T::VERSION })?;
        }
        Ok(log)
    }

    /// Appends a record; once this returns, a killed process does not lose it.
    ///
    /// # Errors
    /// [`Error::LogDuplicate`] if its key is in the log; [`Error::Io`].
    pub fn append(&mut self, record: &T) -> Result<(), Error> {
        let key = record.key();
        if self.keys.contains(key) {
            let line = self.keys.len() + 2;
            return Err(Error::LogDuplicate {
                path: self.path.clone(),
                line,
                key: key.to_string(),
            });
        }
        self.append_line(record)?;
        self.keys.insert(key.clone());
        Ok(())
    }

    /// Forces what was appended to disk, against a crash of the machine.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn sync(&self) -> Result<(), Error> {
        let path = self.path.clone();
        self.file.sync_all().map_err(|source| Error::Io { action: "sync", path, source })
    }

    /// Whether an item is done.
    pub fn contains(&self, key: &ContentHash) -> bool {
        self.keys.contains(key)
    }

    /// How many records the log holds.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Where the log is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many bytes of a torn last line were cut away when the log was opened.
    pub fn recovered_bytes(&self) -> u64 {
        self.recovered_bytes
    }

    fn append_line(&mut self, value: &impl Serialize) -> Result<(), Error> {
        let mut line = serde_json::to_vec(value)
            .map_err(|source| Error::Serialize { what: T::FORMAT, source })?;
        line.push(b'\n');
        let path = &self.path;
        self.file.write_all(&line).map_err(|source| Error::Io {
            action: "append to",
            path: path.clone(),
            source,
        })
    }
}

/// Reads a whole log without opening it for appending; a torn last line is left out.
///
/// # Errors
/// As [`RecordLog::open`], but for the lock.
pub fn read<T: Record>(path: impl AsRef<Path>) -> Result<Vec<T>, Error> {
    let mut records = Vec::new();
    scan(path.as_ref(), |_, record| {
        records.push(record);
        Ok(())
    })?;
    Ok(records)
}

/// Hands each record of a log to `each`, with its line, holding one at a time; a torn last line is left out.
///
/// # Errors
/// As [`read`], or what `each` returns.
pub fn scan<T: Record>(
    path: &Path,
    mut each: impl FnMut(usize, T) -> Result<(), Error>,
) -> Result<(), Error> {
    for record in records(path)? {
        let (line, record) = record?;
        each(line, record)?;
    }
    Ok(())
}

/// The records of a log to pull from, for a consumer that cannot be called back; a torn last line is left out.
///
/// # Errors
/// [`Error::Io`], or [`Error::LogFormat`] if it is another kind of log.
pub fn records<T: Record>(path: &Path) -> Result<Records<T>, Error> {
    let file = File::open(path).map_err(|source| Error::Io {
        action: "read",
        path: path.to_owned(),
        source,
    })?;
    let reader = BufReader::new(file);
    let mut records = Records { path: path.to_owned(), reader, line: 0, record: PhantomData };
    match records.next_line()? {
        Some(header) => check_header::<T>(path, &header)?,
        None => return Err(bad_header::<T>(path, "no whole line")),
    }
    Ok(records)
}

/// The records of a log with their lines, read one at a time; see [`records`].
#[derive(Debug)]
pub struct Records<T> {
    path: PathBuf,
    reader: BufReader<File>,
    line: usize,
    record: PhantomData<fn() -> T>,
}

impl<T> Records<T> {
    /// The next whole line without its newline.
    fn next_line(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let mut text = Vec::new();
        self.reader.read_until(b'\n', &mut text).map_err(|source| self.unread(source))?;
        self.line += 1;
        Ok(text.pop_if(|last| *last == b'\n').map(|_| text))
    }

    fn unread(&self, source: std::io::Error) -> Error {
        Error::Io { action: "read", path: self.path.clone(), source }
    }
}

impl<T: Record> Iterator for Records<T> {
    type Item = Result<(usize, T), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let text = self.next_line().transpose()?;
        Some(text.and_then(|text| {
            let record = serde_json::from_slice(&text).map_err(|source| Error::Parse {
                path: self.path.clone(),
                line: self.line,
                expected: T::FORMAT,
                source,
            })?;
            Ok((self.line, record))
        }))
    }
}

fn check_header<T: Record>(path: &Path, line: &[u8]) -> Result<(), Error> {
    match serde_json::from_slice::<Header>(line) {
        Ok(header) if header.format == T::FORMAT && header.version == T::VERSION => Ok(()),
        Ok(header) => {
            Err(bad_header::<T>(path, &format!("{} version {}", header.format, header.version)))
        }
        Err(_) => Err(bad_header::<T>(path, "no header line")),
    }
}

fn bad_header<T: Record>(path: &Path, found: &str) -> Error {
    Error::LogFormat {
        path: path.to_owned(),
        expected: T::FORMAT,
        version: T::VERSION,
        found: found.to_owned(),
    }
}

/// The offset just behind the last newline.
fn length_of_whole_lines(file: &mut File) -> std::io::Result<u64> {
    use std::io::Read;
    let mut end = file.seek(SeekFrom::End(0))?;
    let mut chunk = [0u8; 4096];
    while end > 0 {
        let start = end.saturating_sub(chunk.len() as u64);
        let part = &mut chunk[..(end - start) as usize];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(part)?;
        if let Some(newline) = part.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + newline as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub(crate) struct Item {
        key: ContentHash,
        value: String,
    }

    impl Record for Item {
        const FORMAT: &'static str = "test.item";
        const VERSION: u32 = 1;

        fn key(&self) -> &ContentHash {
            &self.key
        }
    }

    pub(crate) fn item(value: &str) -> Item {
        Item { key: ContentHash::of_bytes(value), value: value.to_owned() }
    }

    #[test]
    fn a_log_reopens_with_its_keys_and_refuses_them_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/log.jsonl");
        let mut log = RecordLog::open(&path).unwrap();
        log.append(&item("one")).unwrap();
        assert!(matches!(RecordLog::<Item>::open(&path), Err(Error::LogLocked { .. })));
        drop(log);
        let mut log = RecordLog::open(&path).unwrap();
        assert!(log.contains(item("one").key()));
        assert!(matches!(log.append(&item("one")), Err(Error::LogDuplicate { line: 3, .. })));
        log.append(&item("two")).unwrap();
        assert_eq!(read::<Item>(&path).unwrap(), [item("one"), item("two")]);
        let lines: Result<Vec<_>, _> = records::<Item>(&path).unwrap().collect();
        assert_eq!(lines.unwrap(), [(2, item("one")), (3, item("two"))]);
    }

    #[test]
    fn a_bad_line_in_the_middle_is_an_error_with_its_number() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.jsonl");
        std::fs::write(&path, "{\"format\":\"test.item\",\"version\":1}\n{\"key\":\"0\"}\n")
            .unwrap();
        let error = RecordLog::<Item>::open(&path).unwrap_err();
        assert!(error.to_string().contains("log.jsonl:2"), "{error}");
        std::fs::write(&path, "{\"format\":\"other\",\"version\":1}\n").unwrap();
        assert!(matches!(RecordLog::<Item>::open(&path), Err(Error::LogFormat { .. })));
    }

    proptest! {
        /// Whatever byte a crash stops at, the whole lines survive and the rest can be done again.
        #[test]
        fn a_cut_at_any_byte_loses_only_the_torn_line(cut in 0usize..400) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("log.jsonl");
            let items: Vec<Item> = (0..5).map(|i| item(&format!("é{i}\n"))).collect();
            let mut log = RecordLog::open(&path).unwrap();
            for item in &items {
                log.append(item).unwrap();
            }
            drop(log);
            let bytes = std::fs::read(&path).unwrap();
            let cut = cut.min(bytes.len());
            std::fs::write(&path, &bytes[..cut]).unwrap();
            let mut log = RecordLog::open(&path).unwrap();
            for i in &items {
                if !log.contains(i.key()) {
                    log.append(i).unwrap();
                }
            }
            drop(log);
            prop_assert_eq!(std::fs::read(&path).unwrap(), bytes);
        }
    }
}
