//! What the measuring programs share: the shapes of models, the loads, and how time and memory are read.
//!
//! `throughput` is the program that `cargo xtask bench` runs beside the programs in `peers/`; the benches under `criterion/`
//! time single parts of the engine.

pub mod checkpoint;
pub mod cost;
pub mod engine;
pub mod load;
pub mod machine;
pub mod memory;
pub mod shape;
pub mod timing;
