//! What the crate promises, claim by claim.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod bad_input;
mod evil_templates;
mod folders;
mod prompts;
mod untrusted;
