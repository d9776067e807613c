//! Shared libraries that are opened at run time.
#![expect(unsafe_code, reason = "dlopen and dlsym have no safe form")]

use libloading::Library;

use crate::error::Error;

/// Opens a library all of whose symbols are there: the first call is too late to find that one is missing.
///
/// # Safety
/// The library's initialisers may run.
#[cfg(unix)]
pub(crate) unsafe fn open(path: &str) -> Result<Library, Error> {
    use libloading::os::unix::{self, RTLD_LOCAL, RTLD_NOW};
    // SAFETY: the caller answers for it.
    let library = unsafe { unix::Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) };
    library.map(Library::from).map_err(Error::of)
}

/// # Safety
/// The library's initialisers may run.
#[cfg(not(unix))]
pub(crate) unsafe fn open(path: &str) -> Result<Library, Error> {
    // SAFETY: the caller answers for it.
    unsafe { Library::new(path) }.map_err(Error::of)
}

/// What the process has opened for everyone: libtorch's CUDA part, with the libraries that came with it, among it.
#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it fails")]
pub(crate) fn opened() -> Result<Library, Error> {
    Ok(libloading::os::unix::Library::this().into())
}

#[cfg(not(unix))]
pub(crate) fn opened() -> Result<Library, Error> {
    Err(Error::new("libraries that are open cannot be searched on this system"))
}

/// # Safety
/// `F` must be the function's type.
pub(crate) unsafe fn find<F: Copy>(library: &Library, name: &str) -> Result<F, Error> {
    // SAFETY: the caller answers for the type.
    let found = unsafe { library.get::<F>(name.as_bytes()) };
    found.map(|function| *function).map_err(Error::of)
}
