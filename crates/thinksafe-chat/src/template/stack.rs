//! Stacks that hold the deepest recursion a template can cause: one that overflows ends the process.

/// Compiles on a stack for the longest chain that a source of this many bytes can spell.
///
/// The parser recurses once for each link of a chain such as `1+1+1+...`, without a limit of its own. A link takes at
/// least a byte of source.
pub(super) fn for_source<T: Send>(bytes: usize, work: impl FnOnce() -> T + Send) -> Option<T> {
    on(bytes, work)
}

/// Renders on a stack for the deepest value that this much fuel can build.
///
/// Comparing, writing and dropping a nested value recurse once for each level. A level takes at least a unit of fuel.
pub(super) fn for_fuel<T: Send>(fuel: u64, work: impl FnOnce() -> T + Send) -> Option<T> {
    on(usize::try_from(fuel).ok()?, work)
}

/// `None` if the system has no such stack, or the work panicked: the engine does on some absurd numbers.
fn on<T: Send>(levels: usize, work: impl FnOnce() -> T + Send) -> Option<T> {
    let size = levels.checked_mul(LEVEL)?.checked_add(BASE)?;
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(size).spawn_scoped(scope, work);
        thread.ok()?.join().ok()
    })
}

/// Stack for one level. Measured: up to 408 bytes in the parser, up to 514 in a value, with optimized dependencies;
/// without optimization frames are several times larger. Only what is touched takes memory.
const LEVEL: usize = if cfg!(debug_assertions) { 4 << 10 } else { 1 << 10 };
/// Stack for everything else.
const BASE: usize = 4 << 20;
