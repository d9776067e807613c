//! Our numbers against the Python libraries': golden files from `transformers`, `peft` and `trl`.
//!
//! `cargo test -p thinksafe-tests --test parity -- --nocapture` prints the largest error of each comparison, the
//! figures of docs/NUMERICS.md.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which fail by panicking")]

mod close;
mod decoder;
mod decoding;
mod guards;
mod loading;
mod lora;
mod perplexity;
mod sensitivity;
mod sft;
mod support;
