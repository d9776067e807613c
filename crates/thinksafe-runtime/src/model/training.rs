//! A forward pass that knows its derivative.
//!
//! Training runs through this module and not through libtorch's automatic differentiation. The derivative of a decoder
//! layer is a page of formulas; written out, it keeps what those formulas need and no more (of a layer without
//! recomputation: the input, six products and the logarithms of attention's sums), passes over activations once where a graph
//! passes a dozen times, and knows what recomputation can skip. `model/training/tests.rs` compares it with automatic
//! differentiation for every architecture.
//!
//! Sequences lie one behind the other, without padding: only attention knows where each begins.
//!
//! # Shapes
//! N tokens of all sequences together, H heads, K kv heads, D head dim, E embed, F feed-forward, V vocab.

mod attend;
mod attention;
mod gradients;
mod layer;
mod linear;
mod mlp;
mod norm;
mod output;
mod packed;
mod pass;
#[cfg(test)]
mod tests;

pub use gradients::Gradients;
pub use output::VocabularyLoss;
pub use packed::PackedBatch;
pub use pass::{PassOptions, Recompute, TrainingPass};
