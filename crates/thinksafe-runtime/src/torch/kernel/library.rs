//! Shared libraries that come with CUDA, found at run time.
#![expect(unsafe_code, reason = "dlopen and dlsym have no safe form")]

use std::path::{Path, PathBuf};

use libloading::Library;

use crate::native;

/// Who finds a library's symbols.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Visibility {
    /// Who opened it.
    Own,
    /// And every library that is opened later.
    All,
}

/// Opens a library by name or path.
pub(super) fn open(name: &Path, visibility: Visibility) -> Result<Library, String> {
    // SAFETY: the libraries named here are the CUDA driver and NVIDIA's compiler, whose initialisers ask nothing of the
    // process that opens them.
    unsafe { open_any(name, visibility) }.map_err(native::load_error)
}

#[cfg(unix)]
unsafe fn open_any(name: &Path, visibility: Visibility) -> Result<Library, libloading::Error> {
    use libloading::os::unix::{self, RTLD_GLOBAL, RTLD_LOCAL, RTLD_NOW};
    let visibility = if visibility == Visibility::All { RTLD_GLOBAL } else { RTLD_LOCAL };
    // SAFETY: the caller answers for the initialisers.
    unsafe { unix::Library::open(Some(name), RTLD_NOW | visibility) }.map(Library::from)
}

#[cfg(not(unix))]
unsafe fn open_any(name: &Path, _: Visibility) -> Result<Library, libloading::Error> {
    // SAFETY: the caller answers for the initialisers.
    unsafe { Library::new(name) }
}

/// A function of a library; not to be called when the library is closed.
///
/// # Safety
/// `F` must be the function's type.
pub(super) unsafe fn function<F: Copy>(library: &Library, name: &str) -> Result<F, String> {
    // SAFETY: the caller answers for the type.
    let found = unsafe { library.get::<F>(name.as_bytes()) };
    found.map(|function| *function).map_err(native::load_error)
}

/// The folder of a file that lies beside one of the libraries already loaded: pip puts all of CUDA's into one folder.
pub(super) fn folder_of(name: &str) -> Option<PathBuf> {
    let maps = thinksafe_core::fs::read_to_string("/proc/self/maps").ok()?;
    let paths = maps.lines().filter_map(|line| line.find('/').map(|at| Path::new(&line[at..])));
    let mut folders: Vec<&Path> = paths.filter_map(Path::parent).collect();
    folders.dedup();
    folders.into_iter().find(|folder| folder.join(name).exists()).map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_opened_is_named() {
        let error = open(Path::new("/no/such/library.so"), Visibility::Own).unwrap_err();
        assert!(error.contains("/no/such/library.so"), "{error}");
    }

    #[test]
    fn files_beside_loaded_libraries_are_found() {
        assert_eq!(folder_of("no such library"), None);
        let folder = folder_of("libtorch_cpu.so").expect("libtorch is loaded");
        assert!(folder.join("libc10.so").exists());
    }
}
