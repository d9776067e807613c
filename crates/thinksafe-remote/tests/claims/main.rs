//! What the crate promises, with servers on loopback that break each promise of theirs.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod fatal;
mod faults;
mod killed;
mod server;
mod spread;
mod stopped;
mod tls;
