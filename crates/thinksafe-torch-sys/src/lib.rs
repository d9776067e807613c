//! What `tch` does not bind of libtorch: CUDA graphs, the key-value store by which processes meet, and Gloo; with NCCL,
//! which comes beside libtorch's CUDA part.
//!
//! The few lines of C++ are compiled into libraries that are opened at run time, so one program serves machines with and
//! without CUDA, as everywhere in this workspace, and a libtorch that lacks a part is an error only for who asks for it.
//!
//! CUDA graphs and NCCL have not yet been run on a GPU.

mod error;
mod gloo;
mod graphs;
mod library;
mod nccl;
mod process_group;
mod store;

pub use error::Error;
pub use gloo::Gloo;
pub use graphs::{Graph, Graphs};
pub use nccl::{Nccl, NcclId, NcclType};
pub use store::{Store, StoreAddress};
