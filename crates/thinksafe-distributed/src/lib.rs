//! Processes that work together, one device each, as `torchrun` starts them.
//!
//! ```text
//! torchrun ──RANK, WORLD_SIZE, ...──▶ Launch ──store──▶ ProcessGroup ──▶ all_reduce_sum, broadcast, barrier
//!                                                       Gloo on the processor, NCCL on CUDA
//! ```
//!
//! Nothing here is home-made: the processes meet in libtorch's TCPStore, reduce with libtorch's Gloo or with NCCL, and
//! are started and watched by `torchrun --no-python`. A process alone is a group of one, whose operations do nothing.
//!
//! ```
//! use std::time::Duration;
//!
//! use tch::{Device, Kind, Tensor};
//! use thinksafe_distributed::{Launch, ProcessGroup};
//!
//! // A program passes `|name| std::env::var(name).ok()`.
//! let launch = Launch::from_torchrun(|_| None)?;
//! let group = ProcessGroup::join(&launch, Device::Cpu, Duration::from_secs(600))?;
//! let mut gradients = Tensor::ones([4], (Kind::Float, Device::Cpu));
//! group.all_reduce_sum(&mut gradients)?;
//! assert_eq!(gradients.double_value(&[0]), group.world_size() as f64);
//! # Ok::<(), thinksafe_distributed::Error>(())
//! ```
//!
//! When a process is gone, the operation that the others are in, or come to, is an error: at once where its connections
//! break, after the group's timeout where they do not. Nothing waits for ever.

mod error;
mod group;
mod launch;
mod session;

pub use error::{Error, Opaque};
pub use group::ProcessGroup;
pub use launch::{Launch, Rendezvous};
