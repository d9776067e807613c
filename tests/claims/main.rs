//! Claims about the whole: every broken input is named, and a killed run loses and repeats nothing.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests, which fail by panicking"
)]

mod bad_input;
mod resume;
