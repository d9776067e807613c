//! Claims about the whole: every broken input is named, a killed run loses and repeats nothing, and weights are held
//! once.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests, which fail by panicking"
)]

mod bad_input;
mod one_copy;
mod resume;
