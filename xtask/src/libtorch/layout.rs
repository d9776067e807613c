//! The folder `.libtorch/` and what a finished build in it looks like.
//!
//! ```text
//! .libtorch/
//!   current -> 2.11.0-cpu     what LIBTORCH names
//!   2.11.0-cpu/               lib/  include/  build-version  complete
//!   2.11.0-cuda/              site/ (pip's)  lib -> site/torch/lib  include -> site/torch/include  ...
//!   wheels/                   downloads, until they are unpacked
//!   partial-*                 work in progress or left over from a killed run; never looked at, removed by the next
//!   lock
//! ```
//!
//! A build is finished when it has `complete`, a list of its files with their sizes, and every file is of its size.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::VERSION;
use crate::error::Error;

/// Lists the files of a finished build.
const MARKER: &str = "complete";

/// What `tch` needs of any build.
const NEEDED: [&str; 5] = [
    "build-version",
    "include/torch/csrc/api/include/torch/torch.h",
    "lib/libc10.so",
    "lib/libtorch.so",
    "lib/libtorch_cpu.so",
];

/// The part of libtorch that is provisioned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Build {
    /// The CPU part alone.
    Cpu,
    /// All of it, with NVIDIA's libraries.
    Cuda,
}

impl fmt::Display for Build {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
        })
    }
}

/// The folder `.libtorch/` of a workspace.
#[derive(Debug)]
pub(super) struct Home {
    dir: PathBuf,
}

impl Home {
    /// That of the workspace at `root`.
    pub(super) fn new(root: &Path) -> Self {
        Self { dir: root.join(".libtorch") }
    }

    /// Its path.
    pub(super) fn path(&self) -> &Path {
        &self.dir
    }

    /// Where a build lies when it is finished.
    pub(super) fn dir(&self, build: Build) -> PathBuf {
        self.dir.join(format!("{VERSION}-{build}"))
    }

    /// What `LIBTORCH` names.
    pub(super) fn link(&self) -> PathBuf {
        self.dir.join("current")
    }

    /// The downloads.
    pub(super) fn wheels(&self) -> PathBuf {
        self.dir.join("wheels")
    }

    /// The finished build that is in use.
    pub(super) fn current(&self) -> Option<Build> {
        let target = fs::read_link(self.link()).ok()?;
        let build = [Build::Cpu, Build::Cuda]
            .into_iter()
            .find(|build| self.dir.join(&target) == self.dir(*build))?;
        check(&self.dir(build)).is_ok().then_some(build)
    }
}

/// Checks that a build is finished and undamaged.
pub(super) fn check(dir: &Path) -> Result<(), Error> {
    let unfinished = |reason: String| Error::Unfinished { path: dir.to_owned(), reason };
    let list = fs::read_to_string(dir.join(MARKER))
        .map_err(|error| unfinished(format!("its list of files cannot be read: {error}")))?;
    for line in list.lines() {
        let (size, name) =
            line.split_once(' ').ok_or_else(|| unfinished(format!("odd line {line:?}")))?;
        let found = fs::symlink_metadata(dir.join(name)).map(|file| file.len());
        if !found.as_ref().is_ok_and(|found| found.to_string() == size) {
            let found = found.map_or_else(|_| "none".to_owned(), |found| found.to_string());
            return Err(unfinished(format!("{name} should have {size} bytes, found {found}")));
        }
    }
    needed(dir)
}

/// Writes the list of files that makes a build finished; all of it is on the disk before the list is.
pub(super) fn finish(dir: &Path) -> Result<(), Error> {
    needed(dir)?;
    let mut files = Vec::new();
    walk(dir, &mut files).map_err(Error::io("read", dir))?;
    files.sort();
    let line = |path: &PathBuf| {
        let size = fs::symlink_metadata(path).map_err(Error::io("read", path))?.len();
        Ok(format!("{size} {}\n", path.strip_prefix(dir).unwrap_or(path).display()))
    };
    let list: String = files.iter().map(line).collect::<Result<_, Error>>()?;
    for path in files.iter().filter(|path| is_library(path)) {
        sync(path)?;
    }
    let marker = dir.join(MARKER);
    fs::write(&marker, list).map_err(Error::io("write", &marker))?;
    sync(&marker)?;
    sync(dir)
}

/// Waits until a file or folder is on the disk.
pub(super) fn sync(path: &Path) -> Result<(), Error> {
    fs::File::open(path).and_then(|file| file.sync_all()).map_err(Error::io("write", path))
}

fn needed(dir: &Path) -> Result<(), Error> {
    match NEEDED.iter().find(|name| !dir.join(name).is_file()) {
        None => Ok(()),
        Some(name) => {
            Err(Error::Unfinished { path: dir.to_owned(), reason: format!("it lacks {name}") })
        }
    }
}

/// Headers are checked by their size; a library of the right size and wrong content would crash, so it is synced.
fn is_library(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().contains(".so"))
}

fn walk(dir: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            walk(&entry.path(), files)?;
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for name in NEEDED {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        }
        dir
    }

    #[test]
    fn a_build_is_finished_once_its_list_is_written() {
        let dir = build();
        assert!(check(dir.path()).unwrap_err().to_string().contains("list of files"));
        finish(dir.path()).unwrap();
        check(dir.path()).unwrap();
    }

    #[test]
    fn damage_is_noticed() {
        type Damage = fn(&Path);
        let cases: [(Damage, &str); 3] = [
            (
                |dir| fs::write(dir.join("lib/libc10.so"), "x").unwrap(),
                "lib/libc10.so should have 13 bytes, found 1",
            ),
            (
                |dir| fs::remove_file(dir.join("build-version")).unwrap(),
                "build-version should have 13 bytes, found none",
            ),
            (|dir| fs::write(dir.join("complete"), "nonsense").unwrap(), "odd line"),
        ];
        for (damage, expected) in cases {
            let dir = build();
            finish(dir.path()).unwrap();
            damage(dir.path());
            let error = check(dir.path()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_build_that_lacks_something_is_never_finished() {
        for name in NEEDED {
            let dir = build();
            fs::remove_file(dir.path().join(name)).unwrap();
            assert!(finish(dir.path()).unwrap_err().to_string().contains(name));
            assert!(!dir.path().join(MARKER).exists());
        }
    }

    #[test]
    fn the_link_counts_only_when_it_leads_to_a_finished_build() {
        let root = tempfile::tempdir().unwrap();
        let home = Home::new(root.path());
        assert_eq!(home.current(), None);
        fs::create_dir(home.path()).unwrap();
        std::os::unix::fs::symlink("2.11.0-cuda", home.link()).unwrap();
        assert_eq!(home.current(), None);
        let dir = build();
        fs::rename(dir.keep(), home.dir(Build::Cuda)).unwrap();
        assert_eq!(home.current(), None);
        finish(&home.dir(Build::Cuda)).unwrap();
        assert_eq!(home.current(), Some(Build::Cuda));
    }
}
