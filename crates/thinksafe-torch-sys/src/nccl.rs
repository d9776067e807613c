//! Collective operations on CUDA devices: NCCL, by its C interface.
//!
//! libtorch's CUDA part brings NCCL with it. Its functions are looked up in what the process has loaded, so nothing of
//! CUDA is needed to build this.
#![expect(unsafe_code, reason = "a C interface")]

mod functions;

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::ptr;
use std::time::{Duration, Instant};

use crate::error::Error;
use functions::{Functions, RawId};

/// What names a group: one process makes it and hands it to the others.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "opaque to everyone but NCCL")]
pub struct NcclId(pub [u8; Self::BYTES]);

impl NcclId {
    /// How long it is.
    pub const BYTES: usize = 128;
}

/// The types that are reduced and broadcast, as `nccl.h` numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "those that this library uses")]
pub enum NcclType {
    /// 64-bit integers.
    Int64 = 4,
    /// Single precision.
    Float32 = 7,
    /// bfloat16.
    Bfloat16 = 9,
}

/// This process's part of a group of processes that reduce and broadcast memory of CUDA devices, one device each.
///
/// All of them call the same operations in the same order, on memory of one type and size. Operations run on libtorch's
/// current stream; each waits until the device has done it, because only then is it known that no process was lost.
#[derive(Debug)]
pub struct Nccl {
    functions: Functions,
    /// Null after a failure: a group that failed once is of no use.
    communicator: Cell<*mut c_void>,
    device: i32,
    timeout: Duration,
}

// SAFETY: a communicator belongs to no thread, and is used by one at a time, as this is not `Sync`.
unsafe impl Send for Nccl {}

impl Nccl {
    /// A new group's id.
    ///
    /// # Errors
    /// That NCCL is not there, or what it reports.
    pub fn new_id() -> Result<NcclId, Error> {
        let functions = Functions::load()?;
        let mut id = RawId([0; NcclId::BYTES]);
        // SAFETY: the id is NCCL's `ncclUniqueId`, and is written by it.
        functions.check("ncclGetUniqueId", unsafe { (functions.get_unique_id)(&raw mut id) })?;
        Ok(NcclId(id.0))
    }

    /// Connects process `rank` of `size`, which uses the CUDA device of this index, with the others. All of them must be
    /// about to call this: NCCL waits for them without end.
    ///
    /// # Errors
    /// That NCCL is not there, or what it or the device reports.
    pub fn open(
        id: &NcclId,
        rank: usize,
        size: usize,
        device: usize,
        timeout: Duration,
    ) -> Result<Self, Error> {
        let functions = Functions::load()?;
        let device = device as i32;
        let mut communicator = ptr::null_mut();
        // SAFETY: the types are those of cuda_runtime_api.h and nccl.h; the communicator is written if the call succeeds.
        unsafe {
            functions.check_cuda("cudaSetDevice", (functions.set_device)(device))?;
            let (id, size, rank) = (RawId(id.0), size as c_int, rank as c_int);
            let result = (functions.init_rank)(&raw mut communicator, size, id, rank);
            functions.check("ncclCommInitRank", result)?;
        }
        Ok(Self { functions, communicator: Cell::new(communicator), device, timeout })
    }

    /// Replaces `count` values by their sums over all processes.
    ///
    /// # Errors
    /// What NCCL or the device reports, or that the timeout passed. The values are then undefined, and the group ends.
    ///
    /// # Safety
    /// `data` points to so many values of this type on the group's device, which nobody else uses meanwhile.
    pub unsafe fn all_reduce_sum(
        &self,
        data: *mut c_void,
        count: usize,
        kind: NcclType,
    ) -> Result<(), Error> {
        self.run("ncclAllReduce", |communicator, stream| {
            const SUM: c_int = 0;
            let kind = kind as c_int;
            // SAFETY: the communicator is alive; the caller answers for the memory.
            unsafe {
                (self.functions.all_reduce)(data, data, count, kind, SUM, communicator, stream)
            }
        })
    }

    /// Replaces `count` values by those of process `root`.
    ///
    /// # Errors
    /// As [`all_reduce_sum`](Self::all_reduce_sum).
    ///
    /// # Safety
    /// As [`all_reduce_sum`](Self::all_reduce_sum).
    pub unsafe fn broadcast(
        &self,
        data: *mut c_void,
        count: usize,
        kind: NcclType,
        root: usize,
    ) -> Result<(), Error> {
        self.run("ncclBroadcast", |communicator, stream| {
            let (kind, root) = (kind as c_int, root as c_int);
            // SAFETY: the communicator is alive; the caller answers for the memory.
            unsafe {
                (self.functions.broadcast)(data, data, count, kind, root, communicator, stream)
            }
        })
    }

    /// Launches an operation on libtorch's current stream, and waits for it.
    fn run(
        &self,
        name: &'static str,
        launch: impl FnOnce(*mut c_void, *mut c_void) -> c_int,
    ) -> Result<(), Error> {
        let communicator = self.communicator.get();
        if communicator.is_null() {
            return Err(Error::new(format!("{name}: the group has failed before")));
        }
        let done = self.functions.stream(self.device).and_then(|stream| {
            self.functions.check(name, launch(communicator, stream))?;
            self.wait(name, communicator, stream)
        });
        if done.is_err() {
            self.communicator.set(ptr::null_mut());
            // SAFETY: the communicator is alive, and is not used again. Aborting is what frees the device of an operation
            // that waits for a lost process.
            unsafe { (self.functions.abort)(communicator) };
        }
        done
    }

    fn wait(
        &self,
        name: &'static str,
        communicator: *mut c_void,
        stream: *mut c_void,
    ) -> Result<(), Error> {
        const PAUSE: Duration = Duration::from_micros(50);
        let begun = Instant::now();
        while !self.functions.is_done(stream)? {
            let mut result = 0;
            // SAFETY: the communicator is alive; the result is written.
            let asked = unsafe { (self.functions.async_error)(communicator, &raw mut result) };
            self.functions.check("ncclCommGetAsyncError", asked)?;
            self.functions.check(name, result)?;
            if begun.elapsed() > self.timeout {
                let seconds = self.timeout.as_secs_f64();
                return Err(Error::new(format!("{name}: not done within {seconds} s")));
            }
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }
}

impl Drop for Nccl {
    fn drop(&mut self) {
        let communicator = self.communicator.get();
        if !communicator.is_null() {
            // SAFETY: the communicator is alive, and is not used again. Aborting, as destroying waits for the others.
            unsafe { (self.functions.abort)(communicator) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_libtorchs_cuda_part_it_says_what_is_missing() {
        let id = NcclId([0; NcclId::BYTES]);
        let opened = Nccl::open(&id, 0, 1, 0, Duration::from_secs(1)).map(drop);
        for failed in [Nccl::new_id().map(drop), opened] {
            let words = failed.expect_err("this test has no CUDA").to_string();
            assert!(words.contains("nccl") || words.contains("cuda"), "{words}");
        }
    }
}
