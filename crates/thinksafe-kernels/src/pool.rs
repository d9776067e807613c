//! A small pool of threads that wait for work by spinning briefly, then sleep.

use std::marker::PhantomData;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;

use crate::level::Level;

/// Polls before a waiting thread yields, and yields before it sleeps: some tens of microseconds, about the time
/// between two kernels of a step, so that an idle pool costs nothing and an oversubscribed one gives way.
const SPINS: u32 = 2_000;
const YIELDS: u32 = 50;

/// Values below which light work is not handed out: some microseconds of it.
const LIGHT: usize = 16_384;

/// What a thread takes at a time: its share of what is left over this. The first ranges are large, since taking one
/// costs, and the last small, so that no thread waits long for another.
const SHARE: usize = 2;

/// Threads that share the work of one kernel at a time, and the instruction level that they run.
///
/// The caller's thread takes part; a pool of one starts no thread. Results never depend on the number of threads.
#[derive(Debug)]
pub struct Pool {
    threads: Threads,
    level: Level,
}

#[derive(Debug)]
enum Threads {
    Own { shared: Arc<Shared>, workers: Vec<JoinHandle<()>> },
    Lent { count: usize, run: Run },
}

/// Runs a closure on several threads of someone else, the caller's among them, and returns when all have left it.
pub type Run = fn(&(dyn Fn() + Sync));

#[derive(Debug, Default)]
struct Shared {
    /// Who may work on which job: the number of the job, whether it is open, and how many workers are at it.
    gate: AtomicU64,
    stop: AtomicBool,
    job: Mutex<Option<Job>>,
    wake: Condvar,
}

/// The bit of the gate that says that a job may be joined; the workers at it are counted below, jobs above.
const OPEN: u64 = 1 << 32;
const NEXT: u64 = OPEN << 1;

/// A borrowed closure whose lifetime [`Pool::split`] guards by waiting.
#[derive(Debug, Clone, Copy)]
struct Job {
    call: fn(*const ()),
    data: *const (),
}

#[expect(unsafe_code, reason = "a job points to a closure that is Sync and outlives it")]
// SAFETY: `data` points to a closure that is `Sync`, and `run` does not return before every worker is done with it.
unsafe impl Send for Job {}

impl Pool {
    /// A pool of `threads` threads, the caller's included (at least 1), at the machine's best level.
    pub fn new(threads: usize) -> Self {
        Self::with_level(threads, Level::detect())
    }

    /// A pool whose kernels run at a given level: for tests and comparisons.
    ///
    /// # Panics
    /// If the machine does not have the level.
    pub fn with_level(threads: usize, level: Level) -> Self {
        assert!(Level::available().contains(&level), "{level:?} is a level of this machine");
        let shared = Arc::new(Shared::default());
        let workers = (1..threads.max(1))
            .map(|_| {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || shared.work())
            })
            .collect();
        Self { threads: Threads::Own { shared, workers }, level }
    }

    /// A pool of `count` threads of another library, whose own would compete with them for the cores.
    ///
    /// # Panics
    /// If the machine does not have the level.
    pub fn lent(count: usize, run: Run, level: Level) -> Self {
        assert!(Level::available().contains(&level), "{level:?} is a level of this machine");
        Self { threads: Threads::Lent { count: count.max(1), run }, level }
    }

    /// How many threads take part.
    pub fn threads(&self) -> usize {
        match &self.threads {
            Threads::Own { workers, .. } => workers.len() + 1,
            Threads::Lent { count, .. } => *count,
        }
    }

    /// The level that kernels run at.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Cuts `0..items` into contiguous ranges and runs `work` on each of them once.
    ///
    /// Threads take ranges as they come, and the caller waits for no thread that has not begun: where the machine is
    /// busy with other things, the caller does the work alone.
    ///
    /// # Panics
    /// If `work` panics on the caller's thread. A panic on another thread ends the process, since the results that
    /// it owed cannot be had.
    pub fn split(&self, items: usize, work: &(impl Fn(Range<usize>) + Sync)) {
        let threads = self.threads();
        if threads == 1 || items <= 1 {
            if items > 0 {
                work(0..items);
            }
            return;
        }
        let next = AtomicUsize::new(0);
        let take =
            |from: usize| (from < items).then(|| from + (items - from).div_ceil(threads * SHARE));
        self.run(&|| {
            while let Ok(from) = next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take) {
                if let Some(to) = take(from) {
                    work(from..to);
                }
            }
        });
    }

    /// As [`split`](Self::split) for work that does little with each of `values` values: where they are few, handing
    /// out the work would take longer than doing it, and the caller does it alone.
    pub fn split_light(&self, items: usize, values: usize, work: &(impl Fn(Range<usize>) + Sync)) {
        if values < LIGHT && items > 0 {
            work(0..items);
        } else {
            self.split(items, work);
        }
    }

    /// Cuts `data` into parts that end at `ends`, and runs `work` on each, with its index, on all threads.
    ///
    /// # Panics
    /// If the ends do not rise to the length of `data`; and as [`split`](Self::split).
    pub fn for_each_part<T: Send>(
        &self,
        data: &mut [T],
        ends: &[usize],
        work: &(impl Fn(usize, &mut [T]) + Sync),
    ) {
        assert!(ends.is_sorted() && ends.last().copied().unwrap_or(0) == data.len(), "rising ends");
        let data = SharedSlice::new(data);
        self.split(ends.len(), &|range| {
            for index in range {
                let from = if index == 0 { 0 } else { ends[index - 1] };
                work(index, data.part(from, ends[index] - from));
            }
        });
    }

    /// Cuts a matrix `[R, C · width]` into blocks: rows that end at `row_ends`, and of these each `width` values. Runs `work` on
    /// each block, with the indices of its rows and of its columns, on all threads; it gets the block row by row.
    ///
    /// # Panics
    /// If the ends do not rise to the number of rows, or rows are not whole blocks; and as [`split`](Self::split).
    pub fn for_each_block<T: Send>(
        &self,
        matrix: &mut [T],
        (row_ends, columns, width): (&[usize], usize, usize),
        work: &(impl Fn(usize, usize, &mut [&mut [T]]) + Sync),
    ) {
        let rows = row_ends.last().copied().unwrap_or(0);
        assert!(
            row_ends.is_sorted() && matrix.len() == rows * columns * width,
            "blocks of {width}"
        );
        let matrix = SharedSlice::new(matrix);
        self.split(row_ends.len() * columns, &|blocks| {
            for block in blocks {
                let (index, column) = (block / columns, block % columns);
                let from = if index == 0 { 0 } else { row_ends[index - 1] };
                let part = |row: usize| matrix.part((row * columns + column) * width, width);
                let mut rows: Vec<&mut [T]> = (from..row_ends[index]).map(part).collect();
                work(index, column, &mut rows);
            }
        });
    }

    /// Cuts `data` into chunks of `length` and runs `work`, which does little with each value, on each chunk, with its
    /// index, as [`split_light`](Self::split_light).
    ///
    /// # Panics
    /// If `data` is not whole chunks; and as [`split`](Self::split).
    pub fn for_each_chunk<T: Send>(
        &self,
        data: &mut [T],
        length: usize,
        work: &(impl Fn(usize, &mut [T]) + Sync),
    ) {
        assert!(data.len().is_multiple_of(length), "whole chunks of {length}");
        let chunks = data.len() / length;
        let values = data.len();
        let data = SharedSlice::new(data);
        self.split_light(chunks, values, &|range| {
            for index in range {
                work(index, data.part(index * length, length));
            }
        });
    }

    /// Runs `work` on the caller's thread and on every worker that comes in time.
    fn run<F: Fn() + Sync>(&self, work: &F) {
        #[expect(unsafe_code, reason = "the pointer is to the closure that `run` borrows")]
        fn call<F: Fn() + Sync>(data: *const ()) {
            // SAFETY: `run` stores a pointer to its `F`, and closes the gate and waits until no worker uses it.
            unsafe { (*data.cast::<F>())() }
        }
        let shared = match &self.threads {
            Threads::Own { shared, .. } => &**shared,
            Threads::Lent { run, .. } => return run(work),
        };
        {
            let mut job = shared.job.lock().expect("no holder of the job lock panics");
            *job = Some(Job { call: call::<F>, data: std::ptr::from_ref(work).cast() });
            let number = shared.gate.load(Ordering::Relaxed) & !(NEXT - 1);
            shared.gate.store(number.wrapping_add(NEXT) | OPEN, Ordering::Release);
        }
        shared.wake.notify_all();
        let finished = Finished(shared);
        work();
        drop(finished);
    }
}

/// Closes the gate and waits for the workers inside, also if the caller's share panics: they borrow its closure.
struct Finished<'a>(&'a Shared);

impl Drop for Finished<'_> {
    fn drop(&mut self) {
        let gate = &self.0.gate;
        gate.fetch_and(!OPEN, Ordering::AcqRel);
        let mut polls = 0u32;
        while gate.load(Ordering::Acquire) & (OPEN - 1) != 0 {
            polls = polls.saturating_add(1);
            if polls < SPINS { std::hint::spin_loop() } else { std::thread::yield_now() }
        }
    }
}

impl Shared {
    fn work(&self) {
        let mut last = 0;
        while let Some(number) = self.join(last) {
            last = number;
            let job = *self.job.lock().expect("no holder of the job lock panics");
            if let Some(job) = job {
                let guard = AbortOnPanic;
                (job.call)(job.data);
                std::mem::forget(guard);
            }
            self.gate.fetch_sub(1, Ordering::Release);
        }
    }

    /// Waits for an open job other than number `last` and joins it: spinning, then yielding, then asleep. `None` when
    /// the pool ends.
    fn join(&self, last: u64) -> Option<u64> {
        let mut polls = 0u32;
        loop {
            if self.stop.load(Ordering::Acquire) {
                return None;
            }
            let gate = self.gate.load(Ordering::Acquire);
            if is_open(gate, last) {
                let joined =
                    self.gate.compare_exchange(gate, gate + 1, Ordering::AcqRel, Ordering::Relaxed);
                if joined.is_ok() {
                    return Some(gate & !(NEXT - 1));
                }
                continue;
            }
            polls += 1;
            if polls < SPINS {
                std::hint::spin_loop();
            } else if polls < SPINS + YIELDS {
                std::thread::yield_now();
            } else {
                self.sleep(last);
                polls = 0;
            }
        }
    }

    fn sleep(&self, last: u64) {
        let mut job = self.job.lock().expect("no holder of the job lock panics");
        while !self.stop.load(Ordering::Acquire)
            && !is_open(self.gate.load(Ordering::Acquire), last)
        {
            job = self.wake.wait(job).expect("no holder of the job lock panics");
        }
    }
}

fn is_open(gate: u64, last: u64) -> bool {
    gate & OPEN != 0 && gate & !(NEXT - 1) != last
}

struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        std::process::abort();
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let Threads::Own { shared, workers } = &mut self.threads else { return };
        {
            // Held while `stop` is set, so that no worker misses it on its way to sleep.
            let _job = shared.job.lock();
            shared.stop.store(true, Ordering::Release);
        }
        shared.wake.notify_all();
        for worker in workers.drain(..) {
            // A worker that panicked has ended the process already.
            let _ = worker.join();
        }
    }
}

/// A slice that the threads of a kernel write disjoint parts of.
#[derive(Debug)]
pub(crate) struct SharedSlice<'a, T> {
    data: *mut T,
    length: usize,
    borrow: PhantomData<&'a mut [T]>,
}

#[expect(unsafe_code, reason = "threads use disjoint parts, which each use of `part` upholds")]
// SAFETY: only `part` touches the data, whose callers keep the parts of different threads disjoint.
unsafe impl<T: Send> Sync for SharedSlice<'_, T> {}

impl<'a, T> SharedSlice<'a, T> {
    pub(crate) fn new(slice: &'a mut [T]) -> Self {
        Self { data: slice.as_mut_ptr(), length: slice.len(), borrow: PhantomData }
    }

    /// A pointer to `from`, where there are `length` values. What threads write through such pointers must be disjoint.
    #[cfg(target_arch = "x86_64")]
    #[expect(unsafe_code, reason = "a pointer into a slice that threads split")]
    pub(crate) fn pointer(&self, from: usize, length: usize) -> *mut T {
        assert!(from + length <= self.length, "a part of the slice");
        // SAFETY: within bounds by the assertion.
        unsafe { self.data.add(from) }
    }

    /// The part `from..from + length`. No two threads may ask for overlapping parts; kernels split outputs.
    #[inline(always)]
    #[expect(unsafe_code, reason = "hands out the parts of a slice that threads split")]
    #[expect(clippy::mut_from_ref, reason = "disjoint parts of one borrowed slice")]
    pub(crate) fn part(&self, from: usize, length: usize) -> &mut [T] {
        assert!(from + length <= self.length, "a part of the slice");
        // SAFETY: within bounds by the assertion; disjoint between threads by the callers' split of the outputs.
        unsafe { std::slice::from_raw_parts_mut(self.data.add(from), length) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_worked_on_once_on_any_number_of_threads() {
        for threads in 1..5 {
            let pool = Pool::new(threads);
            for items in [0, 1, 2, 7, 64] {
                let counts: Vec<AtomicUsize> = (0..items).map(|_| AtomicUsize::new(0)).collect();
                for _ in 0..50 {
                    pool.split(items, &|range| {
                        for count in &counts[range] {
                            count.fetch_add(1, Ordering::Relaxed);
                        }
                    });
                }
                assert!(counts.iter().all(|c| c.load(Ordering::Relaxed) == 50));
            }
        }
    }

    #[test]
    fn blocks_are_the_whole_matrix_once() {
        let mut matrix = vec![0; 5 * 3 * 2];
        for threads in 1..4 {
            Pool::new(threads).for_each_block(
                &mut matrix,
                (&[2, 2, 5], 3, 2),
                &|index, column, rows| {
                    assert_eq!(rows.len(), [2, 0, 3][index]);
                    for row in rows {
                        assert_eq!(row.len(), 2);
                        row.iter_mut().for_each(|value| *value += 10 * index + column + 1);
                    }
                },
            );
        }
        let row = |index: usize| [1, 1, 2, 2, 3, 3].map(|column| 3 * (10 * index + column));
        assert_eq!(matrix, [row(0), row(0), row(2), row(2), row(2)].concat());
    }

    #[test]
    fn lent_threads_share_the_work_too() {
        let run: Run = |work| {
            std::thread::scope(|scope| {
                for _ in 1..3 {
                    scope.spawn(work);
                }
                work();
            });
        };
        let pool = Pool::lent(3, run, Level::Portable);
        let counts: Vec<AtomicUsize> = (0..100).map(|_| AtomicUsize::new(0)).collect();
        pool.split(100, &|range| {
            for count in &counts[range] {
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
        assert!(counts.iter().all(|c| c.load(Ordering::Relaxed) == 1));
    }

    #[test]
    fn a_pool_that_slept_wakes() {
        let pool = Pool::new(2);
        for _ in 0..3 {
            std::thread::sleep(std::time::Duration::from_millis(20));
            let count = AtomicUsize::new(0);
            pool.split(2, &|range| {
                count.fetch_add(range.len(), Ordering::Relaxed);
            });
            assert_eq!(count.load(Ordering::Relaxed), 2);
        }
    }
}
