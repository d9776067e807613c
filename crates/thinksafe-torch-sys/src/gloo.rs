//! Collective operations on the processor: libtorch's Gloo backend.
#![expect(unsafe_code, reason = "a C interface")]

use std::ffi::{c_int, c_void};
use std::ptr;
use std::time::Duration;

use torch_sys::C_tensor;

use crate::error::{Error, check};
use crate::process_group::{Functions, c_text, milliseconds};
use crate::store::Store;

/// This process's part of a group of processes that reduce and broadcast tensors on the processor.
///
/// All of them call the same operations in the same order, on tensors of one type and size. An operation ends for all
/// when a process is gone, and after the timeout when one does not come.
#[derive(Debug)]
pub struct Gloo {
    handle: *mut c_void,
    functions: &'static Functions,
}

// SAFETY: the group belongs to no thread, and is used by one at a time, as it is not `Sync`.
unsafe impl Send for Gloo {}

impl Gloo {
    /// Connects process `rank` of `size` with the others, which come to the same store. They connect over the network
    /// interface of this name, or over the one that the machine's own name leads to.
    ///
    /// # Errors
    /// That the part is not there, or what libtorch reports: no such interface, a process that does not come, ...
    pub fn open(
        store: &Store,
        rank: usize,
        size: usize,
        interface: Option<&str>,
        timeout: Duration,
    ) -> Result<Self, Error> {
        let functions = Functions::loaded()?;
        let interface = interface.map(c_text).transpose()?;
        let interface = interface.as_ref().map_or(ptr::null(), |name| name.as_ptr());
        let (rank, size) = (rank as c_int, size as c_int);
        let timeout = milliseconds(timeout);
        let mut handle = ptr::null_mut();
        // SAFETY: the store's handle is its own, and the group shares it; the name outlives the call; the group's handle
        // is written if it succeeds.
        check(unsafe {
            (functions.gloo_open)(store.handle(), rank, size, timeout, interface, &raw mut handle)
        })?;
        Ok(Self { handle, functions })
    }

    /// Replaces a tensor by its sum over all processes.
    ///
    /// # Errors
    /// What libtorch reports. The tensor's values are then undefined.
    ///
    /// # Safety
    /// `tensor` points to a tensor that nobody else uses meanwhile.
    pub unsafe fn all_reduce_sum(&self, tensor: *mut C_tensor) -> Result<(), Error> {
        // SAFETY: the handle is the group's; the caller answers for the tensor.
        check(unsafe { (self.functions.gloo_all_reduce_sum)(self.handle, tensor.cast()) })
    }

    /// Replaces a tensor by that of process `root`.
    ///
    /// # Errors
    /// What libtorch reports. The tensor's values are then undefined.
    ///
    /// # Safety
    /// `tensor` points to a tensor that nobody else uses meanwhile.
    pub unsafe fn broadcast(&self, tensor: *mut C_tensor, root: usize) -> Result<(), Error> {
        // SAFETY: the handle is the group's; the caller answers for the tensor.
        check(unsafe { (self.functions.gloo_broadcast)(self.handle, tensor.cast(), root as c_int) })
    }

    /// Waits until all processes are here.
    ///
    /// # Errors
    /// What libtorch reports.
    pub fn barrier(&self) -> Result<(), Error> {
        // SAFETY: the handle is the group's.
        check(unsafe { (self.functions.gloo_barrier)(self.handle) })
    }
}

impl Drop for Gloo {
    fn drop(&mut self) {
        // SAFETY: the handle is the group's and is not used again. Nobody can do anything about a failure here.
        let _ = check(unsafe { (self.functions.gloo_close)(self.handle) });
    }
}
