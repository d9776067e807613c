//! What `tch` does not bind of libtorch: CUDA graphs.
//!
//! The few lines of C++ are compiled only where CUDA's headers are, into a library that is opened at run time, after
//! libtorch's own CUDA part: so one program serves machines with and without CUDA, as everywhere in this workspace.
//!
//! Not yet run on a GPU.
#![expect(unsafe_code, reason = "a C interface")]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::fmt;
use std::ptr;

use libloading::Library;

/// Where the build script put the compiled part.
const LIBRARY: Option<&str> = option_env!("THINKSAFE_CUDA_GRAPHS");

/// The compiled part.
#[derive(Debug)]
pub struct Graphs {
    functions: Functions,
    /// Never closed before the last use of a function.
    _library: Library,
}

/// A stretch of work on a CUDA device, recorded to be run again.
#[derive(Debug)]
pub struct Graph {
    recording: Recording,
    functions: Functions,
}

/// Why CUDA graphs cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl Error {
    /// What the loader says is the cause of what `libloading` says.
    fn of(error: libloading::Error) -> Self {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        Self(format!("{error}: {}", cause.unwrap_or_default()))
    }
}

type Message = *const c_char;
type Open = unsafe extern "C" fn(c_int, *mut *mut c_void, *mut *mut c_void) -> Message;
type Act = unsafe extern "C" fn(*mut c_void) -> Message;

#[derive(Debug, Clone, Copy)]
struct Functions {
    open: Open,
    begin: Act,
    end: Act,
    close: Act,
    replay: Act,
    free: Act,
}

/// What the C++ side knows a recording by.
#[derive(Debug)]
struct Recording(*mut c_void);

// SAFETY: a graph may be run and freed from any thread, one at a time, which `&mut` sees to.
unsafe impl Send for Recording {}

impl Graphs {
    /// Opens the compiled part. libtorch's CUDA part must be loaded.
    ///
    /// # Errors
    /// If it was not compiled, or libtorch's CUDA part is not loaded or another version.
    pub fn open() -> Result<Self, Error> {
        let path =
            LIBRARY.ok_or_else(|| Error("CUDA's headers were missing at build time".to_owned()))?;
        // SAFETY: the library's initialisers are those of libtorch's headers, which need libtorch alone; if its symbols are
        // missing, opening fails. The functions have the types that graphs.cpp declares.
        unsafe {
            let library = open(path)?;
            let act = |name: &str| find::<Act>(&library, name);
            let functions = Functions {
                open: find::<Open>(&library, "thinksafe_graph_open")?,
                begin: act("thinksafe_graph_begin")?,
                end: act("thinksafe_graph_end")?,
                close: act("thinksafe_graph_close")?,
                replay: act("thinksafe_graph_replay")?,
                free: act("thinksafe_graph_free")?,
            };
            Ok(Self { functions, _library: library })
        }
    }

    /// Runs `work` twice on a stream of its own: once for its result, then to record it. `work` is told the stream
    /// (a `cudaStream_t`), and afterwards, with null, that the former is current again.
    ///
    /// # Errors
    /// What libtorch reports, or that there was no result. The former stream is then current again as well.
    pub fn record<T>(
        &self,
        device: usize,
        mut on_stream: impl FnMut(*mut c_void),
        mut work: impl FnMut() -> Option<T>,
    ) -> Result<(T, Graph, T), Error> {
        let (mut recording, mut stream) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: both are written if the call succeeds.
        check(unsafe {
            (self.functions.open)(device as c_int, &raw mut recording, &raw mut stream)
        })?;
        let graph = Graph { recording: Recording(recording), functions: self.functions };
        on_stream(stream);
        let mut work = || work().ok_or_else(|| Error("the work to record fails".to_owned()));
        let recorded = work().and_then(|first| {
            graph.act(self.functions.begin)?;
            let second = work();
            // What was begun must be ended, whatever came of it.
            let ended = graph.act(self.functions.end);
            let second = second?;
            ended.map(|()| (first, second))
        });
        on_stream(ptr::null_mut());
        graph.act(self.functions.close)?;
        recorded.map(|(first, second)| (first, graph, second))
    }
}

impl Graph {
    /// Runs the recorded work again, on the current stream: it reads and writes the memory that it did when it was
    /// recorded.
    ///
    /// # Errors
    /// What libtorch reports.
    pub fn replay(&mut self) -> Result<(), Error> {
        self.act(self.functions.replay)
    }

    fn act(&self, act: Act) -> Result<(), Error> {
        // SAFETY: the recording was made by `thinksafe_graph_open` and is freed only when this is dropped.
        check(unsafe { act(self.recording.0) })
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        // Nobody can do anything about a failure here.
        let _ = self.act(self.functions.free);
    }
}

fn check(message: Message) -> Result<(), Error> {
    if message.is_null() {
        return Ok(());
    }
    // SAFETY: messages end with zero and live until the next call, which is behind this copy.
    let message = unsafe { CStr::from_ptr(message) };
    Err(Error(message.to_string_lossy().into_owned()))
}

/// Opens a library all of whose symbols are there: the first call is too late to find that one is missing.
///
/// # Safety
/// The library's initialisers may run.
#[cfg(unix)]
unsafe fn open(path: &str) -> Result<Library, Error> {
    use libloading::os::unix::{self, RTLD_LOCAL, RTLD_NOW};
    // SAFETY: the caller answers for it.
    let library = unsafe { unix::Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) };
    library.map(Library::from).map_err(Error::of)
}

/// # Safety
/// The library's initialisers may run.
#[cfg(not(unix))]
unsafe fn open(path: &str) -> Result<Library, Error> {
    // SAFETY: the caller answers for it.
    unsafe { Library::new(path) }.map_err(Error::of)
}

/// # Safety
/// `F` must be the function's type.
unsafe fn find<F: Copy>(library: &Library, name: &str) -> Result<F, Error> {
    // SAFETY: the caller answers for the type.
    let found = unsafe { library.get::<F>(name.as_bytes()) };
    found.map(|function| *function).map_err(Error::of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_libtorchs_cuda_part_it_says_what_is_missing() {
        let error = Graphs::open().expect_err("this test has no CUDA");
        let words = if LIBRARY.is_some() { "undefined symbol" } else { "headers" };
        assert!(error.to_string().contains(words), "{error}");
    }
}
