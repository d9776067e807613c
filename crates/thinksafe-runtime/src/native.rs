//! What needs `unsafe`: mapping files into memory, giving their pages back, and loading libtorch's CUDA part.
#![expect(
    unsafe_code,
    reason = "memory maps and dlopen have no safe form; they are confined to this file"
)]

use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::OnceLock;

use memmap2::Mmap;

use crate::Error;

/// Maps a file for reading.
pub(crate) fn map(path: &Path) -> Result<Mmap, Error> {
    let io = |source| Error::Io { action: "read", path: path.to_owned(), source };
    let file = File::open(path).map_err(io)?;
    // SAFETY: the map is read only and private to this process. Truncating the file while it is mapped would make
    // reads fail with SIGBUS; as with every program that maps checkpoints, the files of one must not be changed in
    // place while its model lives. Replacing a file by another of its name, as we save, leaves the mapped one alone.
    unsafe { Mmap::map(&file) }.map_err(io)
}

/// Gives the pages of a part of a mapped file back to the system, which counts them as resident in this process until
/// then. They are read again when they are touched again.
#[cfg(unix)]
pub(crate) fn release(map: &Mmap, part: Range<usize>) {
    use memmap2::UncheckedAdvice;
    // SAFETY: dropping pages loses what was written to them, and nothing is ever written to a read-only map of a file:
    // whoever reads them sees the same bytes before and after, another thread in the middle of it included.
    let released =
        unsafe { map.unchecked_advise_range(UncheckedAdvice::DontNeed, part.start, part.len()) };
    // Advice: nothing depends on its being taken.
    if let Err(error) = released {
        tracing::debug!(%error, "pages of a checkpoint stay resident");
    }
}

#[cfg(not(unix))]
pub(crate) fn release(_: &Mmap, _: Range<usize>) {}

/// Loads `libtorch_cuda.so` into the process, once. Must run before anything asks libtorch about CUDA: the first such
/// question makes a libtorch without its CUDA part answer "none" for the rest of the process.
pub(crate) fn load_cuda() -> Result<(), String> {
    static LOADED: OnceLock<Result<(), String>> = OnceLock::new();
    LOADED.get_or_init(open_cuda).clone()
}

/// Why a library cannot be loaded: what the loader says is the cause of what `libloading` says.
pub(crate) fn load_error(error: libloading::Error) -> String {
    let cause = std::error::Error::source(&error).map(ToString::to_string);
    format!("{error}: {}", cause.unwrap_or_default())
}

#[cfg(unix)]
fn open_cuda() -> Result<(), String> {
    use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
    // SAFETY: the library is libtorch's own CUDA part. Its initialisers register kernels with the libtorch_cpu that
    // is already loaded and expect to run at this point; the `OnceLock` keeps them from running concurrently.
    let library = unsafe { Library::open(Some("libtorch_cuda.so"), RTLD_NOW | RTLD_GLOBAL) };
    // Registered kernels must never be unmapped.
    library.map(std::mem::forget).map_err(load_error)
}

#[cfg(not(unix))]
fn open_cuda() -> Result<(), String> {
    Ok(())
}
