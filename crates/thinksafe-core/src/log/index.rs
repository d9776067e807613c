//! Reading a log in an order of one's own.

use std::collections::HashMap;
use std::io::{Seek, SeekFrom};
use std::path::Path;

use super::{Record, Records, records};
use crate::Error;
use crate::hash::ContentHash;

/// Where each record of a log is. It holds the keys, and reads a record when it is asked for.
#[derive(Debug)]
pub struct LogIndex<T> {
    records: Records<T>,
    places: HashMap<ContentHash, Place>,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    offset: u64,
    line: usize,
}

impl<T: Record> LogIndex<T> {
    /// Reads a log through; a torn last line is left out.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::LogFormat`] if it is another kind of log; [`Error::Parse`] or [`Error::LogDuplicate`]
    /// with the line.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let mut records = records::<T>(path)?;
        let mut places = HashMap::new();
        loop {
            let offset = records.reader.stream_position().map_err(|e| records.unread(e))?;
            let Some(record) = records.next() else { break };
            let (line, record) = record?;
            let key = record.key().clone();
            if places.insert(key.clone(), Place { offset, line }).is_some() {
                let (path, key) = (path.to_owned(), key.to_string());
                return Err(Error::LogDuplicate { path, line, key });
            }
        }
        Ok(Self { records, places })
    }

    /// Whether the log has a record of this key.
    pub fn contains(&self, key: &ContentHash) -> bool {
        self.places.contains_key(key)
    }

    /// The record of a key, if the log has it.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn get(&mut self, key: &ContentHash) -> Result<Option<T>, Error> {
        let Some(place) = self.places.get(key) else { return Ok(None) };
        let records = &mut self.records;
        records.reader.seek(SeekFrom::Start(place.offset)).map_err(|e| records.unread(e))?;
        records.line = place.line - 1;
        Ok(records.next().transpose()?.map(|(_, record)| record))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Item, item};
    use super::super::{RecordLog, read};
    use super::*;

    #[test]
    fn records_are_found_in_any_order() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.jsonl");
        let items: Vec<Item> = (0..50).map(|i| item(&"é".repeat(i * 40))).collect();
        let mut log = RecordLog::open(&path).unwrap();
        items.iter().try_for_each(|item| log.append(item)).unwrap();
        let mut index = LogIndex::<Item>::open(&path).unwrap();
        for item in items.iter().rev() {
            assert_eq!(index.get(item.key()).unwrap().as_ref(), Some(item));
        }
        assert_eq!(index.get(item("absent").key()).unwrap(), None);
    }

    #[test]
    fn a_torn_line_is_left_out_and_a_repeated_one_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.jsonl");
        let mut log = RecordLog::open(&path).unwrap();
        log.append(&item("one")).unwrap();
        log.append(&item("two")).unwrap();
        drop(log);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        let mut index = LogIndex::<Item>::open(&path).unwrap();
        assert_eq!(index.get(item("two").key()).unwrap(), None);
        assert_eq!(index.get(item("one").key()).unwrap(), Some(item("one")));

        let last = bytes.split_inclusive(|b| *b == b'\n').next_back().unwrap();
        std::fs::write(&path, [&bytes, last].concat()).unwrap();
        let error = LogIndex::<Item>::open(&path).unwrap_err();
        assert!(matches!(error, Error::LogDuplicate { line: 4, .. }), "{error}");
        assert_eq!(read::<Item>(&path).unwrap().len(), 3);
    }
}
