//! Work on libtorch's own threads.
//!
//! libtorch's CPU kernels run on OpenMP threads that keep a core busy for a while after each kernel, waiting for the next.
//! Threads of our own would have to share the cores with them, so we borrow those: GNU's OpenMP, which libtorch loads, has
//! one function that starts a parallel region.

use std::ffi::{c_uint, c_void};
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use thinksafe_kernels::{Level, Pool};

/// `GOMP_parallel(body, data, threads, flags)`.
type Parallel =
    unsafe extern "C-unwind" fn(extern "C" fn(*mut c_void), *mut c_void, c_uint, c_uint);

/// Pieces for each thread: small enough that none waits long for another.
const PIECES: usize = 4;

struct Job<'a> {
    items: usize,
    piece: usize,
    next: AtomicUsize,
    work: &'a (dyn Fn(Range<usize>) + Sync),
}

/// Cuts `0..items` into contiguous ranges of at least `least` items and runs `work` on each once, on as many threads as
/// libtorch uses. A panic on any of them ends the process.
pub(crate) fn split(items: usize, least: usize, work: &(dyn Fn(Range<usize>) + Sync)) {
    let threads = tch::get_num_threads().max(1) as usize;
    let piece = items.div_ceil(threads * PIECES).max(least.max(1));
    if threads == 1 || piece >= items {
        if items > 0 {
            work(0..items);
        }
        return;
    }
    let job = Job { items, piece, next: AtomicUsize::new(0), work };
    everywhere(&|| job.run());
}

/// The threads that libtorch uses, for kernels that share their work themselves.
pub(crate) fn pool(level: Level) -> Pool {
    Pool::lent(tch::get_num_threads().max(1) as usize, everywhere, level)
}

/// Runs `work` on as many threads as libtorch uses, and returns when all have left it. A panic on any of them ends the
/// process.
fn everywhere(work: &(dyn Fn() + Sync)) {
    let threads = tch::get_num_threads().max(1);
    match openmp() {
        // SAFETY: the function has this signature in every version of libgomp; it returns after all threads have left
        // `run`, so the closure, which they borrow, outlives them.
        Some(parallel) => unsafe {
            parallel(run, (&raw const work).cast_mut().cast(), threads as c_uint, 0);
        },
        None => std::thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(work);
            }
            work();
        }),
    }
}

impl Job<'_> {
    fn run(&self) {
        loop {
            let start = self.next.fetch_add(self.piece, Ordering::Relaxed);
            if start >= self.items {
                return;
            }
            (self.work)(start..self.items.min(start + self.piece));
        }
    }
}

extern "C" fn run(work: *mut c_void) {
    // SAFETY: `everywhere` passes a closure that outlives the parallel region, and threads only call it.
    unsafe { (*work.cast::<&(dyn Fn() + Sync)>())() };
}

/// The function, if the process has GNU's OpenMP.
#[cfg(unix)]
fn openmp() -> Option<Parallel> {
    use libloading::os::unix::Library;
    static FOUND: OnceLock<Option<Parallel>> = OnceLock::new();
    *FOUND.get_or_init(|| {
        // SAFETY: looks a symbol up among the libraries that are loaded, of which libtorch's OpenMP is never unloaded.
        unsafe { Library::this().get::<Parallel>(b"GOMP_parallel\0") }.ok().map(|symbol| *symbol)
    })
}

#[cfg(not(unix))]
fn openmp() -> Option<Parallel> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_worked_on_once() {
        for items in [0, 1, 2, 3, 7, 64, 1001] {
            let counts: Vec<AtomicUsize> = (0..items).map(|_| AtomicUsize::new(0)).collect();
            split(items, 2, &|range| {
                for count in &counts[range] {
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
            assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 1), "{items}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn libtorch_brings_the_threads() {
        assert!(openmp().is_some());
    }
}
