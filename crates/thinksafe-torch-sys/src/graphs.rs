//! CUDA graphs.
#![expect(unsafe_code, reason = "a C interface")]

use std::ffi::{c_int, c_void};
use std::ptr;

use libloading::Library;

use crate::error::{Error, Message, check};
use crate::library::{find, open};

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
            LIBRARY.ok_or_else(|| Error::new("CUDA's headers were missing at build time"))?;
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
        let mut work = || work().ok_or_else(|| Error::new("the work to record fails"));
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
