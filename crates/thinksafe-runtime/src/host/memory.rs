//! What becomes of memory that a pass of training frees.

/// Lets memory that is freed stay with this process for what is allocated next, but for single blocks above 32 MiB, as
/// logits of a large vocabulary.
pub(crate) fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // The most that the library documents it takes.
        const LARGEST: libc::c_int = 32 << 20;
        const NEVER: libc::c_int = -1;
        // SAFETY: the allocator takes its settings at any time, behind its own lock. A setting that it refuses leaves things as
        // they were.
        unsafe {
            libc::mallopt(libc::M_MMAP_THRESHOLD, LARGEST);
            libc::mallopt(libc::M_TRIM_THRESHOLD, NEVER);
        }
    }
}
