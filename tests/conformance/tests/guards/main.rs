//! What guards are asked, token by token.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod hostile;
mod limits;
mod prompts;
mod structure;
mod tokenizers;
