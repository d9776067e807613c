//! Tensors in the host's memory as slices, and libtorch's own threads, for kernels that are not libtorch's; and the allocator.
#![expect(
    unsafe_code,
    reason = "tensors lend their memory as raw pointers, OpenMP and the allocator are C interfaces; all are confined to this folder"
)]

mod memory;
mod threads;

use std::marker::PhantomData;

use half::bf16;
use tch::{Device, Kind, Tensor};
use thinksafe_kernels::training::Trainable;

pub(crate) use memory::keep_freed_memory;
pub(crate) use threads::{pool, split};

/// A number format that both libtorch and our kernels have.
pub(crate) trait Format: Trainable {
    /// Its name in libtorch.
    const KIND: Kind;
}

impl Format for f32 {
    const KIND: Kind = Kind::Float;
}

impl Format for bf16 {
    const KIND: Kind = Kind::BFloat16;
}

/// Whether a tensor's values can be lent: in the host's memory, one after the other.
pub(crate) fn lends(tensor: &Tensor) -> bool {
    tensor.device() == Device::Cpu && tensor.is_contiguous()
}

/// The values of a tensor.
///
/// # Panics
/// If the tensor does not [lend](lends) values of this format.
pub(crate) fn values<T: Format>(tensor: &Tensor) -> &[T] {
    assert!(lends(tensor) && tensor.kind() == T::KIND, "contiguous {:?} on the host", T::KIND);
    if tensor.numel() == 0 {
        return &[];
    }
    // SAFETY: the tensor is dense, of this format, and keeps its storage alive for as long as it is borrowed. Nothing
    // writes to it meanwhile: our kernels write only through `Values`, which borrows its tensor mutably, and libtorch
    // only in calls that do not overlap with the loan.
    unsafe { std::slice::from_raw_parts(tensor.data_ptr().cast::<T>(), tensor.numel()) }
}

/// The indices of a tensor of i64.
///
/// # Panics
/// If it does not [lend](lends) them.
pub(crate) fn indices(tensor: &Tensor) -> &[i64] {
    assert!(lends(tensor) && tensor.kind() == Kind::Int64, "contiguous i64 on the host");
    if tensor.numel() == 0 {
        return &[];
    }
    // SAFETY: as in `values`.
    unsafe { std::slice::from_raw_parts(tensor.data_ptr().cast::<i64>(), tensor.numel()) }
}

/// The values of a tensor, to be written in parts by several threads.
pub(crate) struct Values<'a, T> {
    start: *mut T,
    len: usize,
    tensor: PhantomData<&'a mut Tensor>,
}

// SAFETY: the pointer is only used through `part`, whose callers take disjoint parts; the formats are plain numbers.
unsafe impl<T: Format> Sync for Values<'_, T> {}

impl<'a, T: Format> Values<'a, T> {
    /// Lends a tensor's values. The tensor must share them with no other that is used meanwhile.
    ///
    /// # Panics
    /// If it does not [lend](lends) values of this format.
    pub(crate) fn of(tensor: &'a mut Tensor) -> Self {
        assert!(lends(tensor) && tensor.kind() == T::KIND, "contiguous {:?} on the host", T::KIND);
        let (start, len) = (tensor.data_ptr().cast::<T>(), tensor.numel());
        Self { start, len, tensor: PhantomData }
    }

    /// Some of the values. Parts that are alive at the same time must not overlap.
    ///
    /// # Panics
    /// If the range is not within the tensor.
    #[expect(clippy::mut_from_ref, reason = "threads write disjoint parts of one tensor")]
    pub(crate) fn part(&self, range: std::ops::Range<usize>) -> &mut [T] {
        assert!(range.start <= range.end && range.end <= self.len, "a part of {} values", self.len);
        if range.is_empty() {
            return &mut [];
        }
        // SAFETY: the range is within the tensor's storage, which is borrowed mutably for as long as `self`, and callers
        // take disjoint parts.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
    }
}
