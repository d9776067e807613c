//! The stream that kernels of our own go to.

use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, Ordering};

/// libtorch's current stream, as far as it is known here: the default one, until a recording goes to another.
#[derive(Debug, Clone)]
pub(super) struct Stream(Arc<AtomicPtr<c_void>>);

impl Default for Stream {
    fn default() -> Self {
        Self(Arc::new(AtomicPtr::new(ptr::null_mut())))
    }
}

impl Stream {
    /// A `cudaStream_t`.
    pub(super) fn get(&self) -> *mut c_void {
        self.0.load(Ordering::Relaxed)
    }

    /// Makes another stream the current one; null for the default.
    pub(super) fn set(&self, stream: *mut c_void) {
        self.0.store(stream, Ordering::Relaxed);
    }
}
