//! The two things that need `unsafe`: mapping files into memory and loading libtorch's CUDA part.
#![expect(
    unsafe_code,
    reason = "memory maps and dlopen have no safe form; both are confined to this file"
)]

use std::fs::File;
use std::path::Path;
use std::sync::OnceLock;

use memmap2::Mmap;

use crate::Error;

/// Maps a file for reading.
pub(crate) fn map(path: &Path) -> Result<Mmap, Error> {
    let io = |source| Error::Io { action: "read", path: path.to_owned(), source };
    let file = File::open(path).map_err(io)?;
    // SAFETY: the map is read only and private to this process. Truncating the file while it is mapped would make
    // reads fail with SIGBUS; as with every program that maps checkpoints, a checkpoint must not be cut while it is
    // being loaded, and nothing keeps the map longer than loading takes.
    unsafe { Mmap::map(&file) }.map_err(io)
}

/// Loads `libtorch_cuda.so` into the process, once. Must run before anything asks libtorch about CUDA: the first such
/// question makes a libtorch without its CUDA part answer "none" for the rest of the process.
pub(crate) fn load_cuda() -> Result<(), String> {
    static LOADED: OnceLock<Result<(), String>> = OnceLock::new();
    LOADED.get_or_init(open_cuda).clone()
}

#[cfg(unix)]
fn open_cuda() -> Result<(), String> {
    use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
    // SAFETY: the library is libtorch's own CUDA part. Its initialisers register kernels with the libtorch_cpu that
    // is already loaded and expect to run at this point; the `OnceLock` keeps them from running concurrently.
    let library = unsafe { Library::open(Some("libtorch_cuda.so"), RTLD_NOW | RTLD_GLOBAL) };
    // Registered kernels must never be unmapped.
    library.map(std::mem::forget).map_err(|e| e.to_string())
}

#[cfg(not(unix))]
fn open_cuda() -> Result<(), String> {
    Ok(())
}
