//! Claims about the whole: every broken input is named, a killed run loses and repeats nothing, weights are held once,
//! records depend on their keys alone, what the engine reports is what the trainer computes.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests, which fail by panicking"
)]

mod bad_input;
mod fairness;
#[cfg(target_os = "linux")] // it reads /proc
mod memory;
mod one_copy;
mod ranks;
mod ratio;
mod resume;
mod strict;
