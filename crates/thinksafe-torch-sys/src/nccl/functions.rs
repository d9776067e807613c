//! The functions of NCCL, CUDA's runtime and libtorch that collective operations need.
#![expect(unsafe_code, reason = "a C interface")]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;

use libloading::Library;

use super::NcclId;
use crate::error::Error;
use crate::library::{find, open, opened};

/// `ncclUniqueId`, which is passed by value.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct RawId(pub(super) [u8; NcclId::BYTES]);

type GetUniqueId = unsafe extern "C" fn(*mut RawId) -> c_int;
type InitRank = unsafe extern "C" fn(*mut *mut c_void, c_int, RawId, c_int) -> c_int;
type AllReduce = unsafe extern "C" fn(
    *const c_void,
    *mut c_void,
    usize,
    c_int,
    c_int,
    *mut c_void,
    *mut c_void,
) -> c_int;
type Broadcast = AllReduce;
type AsyncError = unsafe extern "C" fn(*mut c_void, *mut c_int) -> c_int;
type Abort = unsafe extern "C" fn(*mut c_void) -> c_int;
type Words = unsafe extern "C" fn(c_int) -> *const c_char;
type SetDevice = unsafe extern "C" fn(c_int) -> c_int;
type StreamQuery = unsafe extern "C" fn(*mut c_void) -> c_int;
type CurrentStream = unsafe extern "C" fn(i32, *mut *mut c_void) -> i32;

/// `cudaErrorNotReady`.
const NOT_READY: c_int = 600;

#[derive(Debug)]
pub(super) struct Functions {
    pub(super) get_unique_id: GetUniqueId,
    pub(super) init_rank: InitRank,
    pub(super) all_reduce: AllReduce,
    pub(super) broadcast: Broadcast,
    pub(super) async_error: AsyncError,
    pub(super) abort: Abort,
    pub(super) set_device: SetDevice,
    nccl_words: Words,
    cuda_words: Words,
    stream_query: StreamQuery,
    current_stream: CurrentStream,
    /// Never closed before the last use of a function.
    _libraries: [Library; 2],
}

impl Functions {
    /// Finds them. libtorch's CUDA part must be loaded, with its symbols for everyone.
    pub(super) fn load() -> Result<Self, Error> {
        // SAFETY: NCCL's initialisers ask nothing of the process; the functions' types are those of nccl.h,
        // cuda_runtime_api.h and libtorch's C interface (torch/csrc/inductor/aoti_torch/c/shim.h).
        unsafe {
            // The one that libtorch's CUDA part has loaded, as the name is the same.
            let nccl = open("libnccl.so.2")?;
            let cuda = opened()?;
            Ok(Self {
                get_unique_id: find(&nccl, "ncclGetUniqueId")?,
                init_rank: find(&nccl, "ncclCommInitRank")?,
                all_reduce: find(&nccl, "ncclAllReduce")?,
                broadcast: find(&nccl, "ncclBroadcast")?,
                async_error: find(&nccl, "ncclCommGetAsyncError")?,
                abort: find(&nccl, "ncclCommAbort")?,
                nccl_words: find(&nccl, "ncclGetErrorString")?,
                set_device: find(&cuda, "cudaSetDevice")?,
                cuda_words: find(&cuda, "cudaGetErrorString")?,
                stream_query: find(&cuda, "cudaStreamQuery")?,
                current_stream: find(&cuda, "aoti_torch_get_current_cuda_stream")?,
                _libraries: [nccl, cuda],
            })
        }
    }

    /// libtorch's current stream of a device.
    pub(super) fn stream(&self, device: i32) -> Result<*mut c_void, Error> {
        let mut stream = ptr::null_mut();
        // SAFETY: the stream is written if the call succeeds.
        match unsafe { (self.current_stream)(device, &raw mut stream) } {
            0 => Ok(stream),
            _ => Err(Error::new(format!("libtorch has no current stream of device {device}"))),
        }
    }

    /// Whether a stream has nothing left to do.
    pub(super) fn is_done(&self, stream: *mut c_void) -> Result<bool, Error> {
        // SAFETY: streams of libtorch live as long as the process.
        match unsafe { (self.stream_query)(stream) } {
            NOT_READY => Ok(false),
            result => self.check_cuda("cudaStreamQuery", result).map(|()| true),
        }
    }

    /// Success, or what NCCL calls its result.
    pub(super) fn check(&self, name: &str, result: c_int) -> Result<(), Error> {
        check(name, result, self.nccl_words)
    }

    /// Success, or what CUDA's runtime calls its result.
    pub(super) fn check_cuda(&self, name: &str, result: c_int) -> Result<(), Error> {
        check(name, result, self.cuda_words)
    }
}

fn check(name: &str, result: c_int, words: Words) -> Result<(), Error> {
    if result == 0 {
        return Ok(());
    }
    // SAFETY: both libraries have constant words for every number.
    let words = unsafe { CStr::from_ptr(words(result)) };
    Err(Error::new(format!("{name}: {}", words.to_string_lossy())))
}
