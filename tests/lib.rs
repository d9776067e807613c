//! What the test binaries share: closeness of tensors, golden files, a training run described in JSON.

pub mod close;
pub mod golden;
pub mod training;
