//! The CPU kernels of decoding, and of what lies between the products of training ([`training`]).
//!
//! Decoding is few rows at a time against many weights.
//!
//! A language model that decodes a batch multiplies a handful of rows with every weight it has, once a step. General
//! matrix libraries are made for many rows; here weights are packed once for few ([`PackedMatrix`]), keys lie so
//! that sixteen scores are computed at a time ([`attend`]), and what lies between the products is fused
//! ([`add_rms_norm`], [`norm_and_rotate`], [`gate`]). [`Scan`] finds what matters in a row of logits.
//!
//! **One source, any machine.** Each kernel is written once over sixteen lanes and compiled for AVX-512 with and
//! without its bf16 products, for AVX2 with FMA, and for any machine; [`Level`] chooses at run time. All use fused
//! multiply-add in the same order, so they give the same bits. Only products with weights of bf16 in tiles
//! ([`Level::Amx`]) add in an order of their own.
//!
//! **Rows do not see each other.** The sum behind each output is taken in an order that depends on the shapes of one
//! row alone, never on how many rows are computed with it or by how many threads. A row's result is therefore the
//! same bits in every batch.
//!
//! Sums are f32; weights are stored as f32, or as bf16 where that loses nothing, in twelve bits each if asked for
//! ([`PackedMatrix::compact`]), keys and values as either
//! ([`Element`]), and inputs of products are f32 or rounded to bf16 ([`Rows`]).

#![expect(
    clippy::inline_always,
    reason = "kernels are inlined into one function for each instruction set"
)]

mod activation;
#[cfg(target_arch = "x86_64")]
mod amx;
mod attention;
mod element;
mod elementary;
mod inputs;
mod lanes;
mod level;
mod matmul;
mod norm;
mod pack;
mod pool;
mod rope;
mod round;
mod scan;
mod softcap;
mod step;
pub mod training;

pub use activation::{Activation, gate};
pub use attention::{Attention, BLOCK, KvBlock, attend, block_len, store};
pub use element::Element;
pub use inputs::{Arithmetic, Inputs, Rows, RowsMut};
pub use level::Level;
pub use matmul::{add_matmul, gated_matmul, matmul};
pub use norm::{add_rms_norm, rms_norm};
pub use pack::PackedMatrix;
pub use pool::{Pool, Run};
pub use rope::norm_and_rotate;
pub use scan::{SCAN_BLOCK, Scan, sum_exp};
pub use softcap::soft_cap;

/// Lanes of one vector: sixteen `f32` fill an AVX-512 register, or two of AVX2.
pub(crate) const LANES: usize = 16;
