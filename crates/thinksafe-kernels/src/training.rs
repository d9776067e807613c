//! The kernels of training: what lies between the matrix products of a decoder layer, and its derivative.
//!
//! Each function computes some rows of its output from the same rows of its inputs, so that a caller may cut the rows
//! into parts and run them on threads of its own. Values are f32 or bf16; all arithmetic is f32, rounded once at the end.

mod attention;
mod gate;
mod losses;
mod norm;
mod rotary;
mod values;

use half::bf16;

pub use attention::{AttentionBackward, AttentionForward, AttentionShape, HeadRows};
pub use gate::{GatedBackward, GatedRows};
pub use losses::{CrossEntropyRows, KlRows};
pub use norm::{NormBackward, NormRows};
pub use rotary::{MOST as MOST_HEAD_VALUES, RotaryBackward, RotaryRows, Rotation};

use crate::element::Element;
use crate::level::Level;

/// A number format that the kernels of training are compiled for: `f32` and `bf16`.
///
/// The kernels are compiled in this crate, once for each format, and not where a caller is generic over the format.
pub trait Trainable: Element {
    /// Causal attention of one group of heads.
    fn attention(level: Level, attention: AttentionForward<'_, Self>);
    /// The derivative of [`attention`](Self::attention).
    fn attention_backward(level: Level, attention: AttentionBackward<'_, Self>);
    /// Root-mean-square normalisation.
    fn norm(level: Level, rows: NormRows<'_, Self>);
    /// The derivative of [`norm`](Self::norm).
    fn norm_backward(level: Level, rows: NormBackward<'_, Self>);
    /// Normalisation of heads, and rotation.
    fn rotary(level: Level, rows: RotaryRows<'_, Self>);
    /// The derivative of [`rotary`](Self::rotary).
    fn rotary_backward(level: Level, rows: RotaryBackward<'_, Self>);
    /// The gate of the feed-forward block.
    fn gate(level: Level, rows: GatedRows<'_, Self>);
    /// The derivative of [`gate`](Self::gate).
    fn gate_backward(level: Level, rows: GatedBackward<'_, Self>);
    /// Cross-entropy on logits, which become its gradient.
    fn cross_entropy(level: Level, rows: CrossEntropyRows<'_, Self>);
    /// A Kullback-Leibler divergence between two rows of logits, of which one becomes its gradient.
    fn kl(level: Level, rows: KlRows<'_, Self>);
}

macro_rules! compile {
    ($format:ty) => {
        impl Trainable for $format {
            fn attention(level: Level, attention: AttentionForward<'_, Self>) {
                attention::forward(level, attention);
            }
            fn attention_backward(level: Level, attention: AttentionBackward<'_, Self>) {
                attention::backward(level, attention);
            }
            fn norm(level: Level, rows: NormRows<'_, Self>) {
                level.run(rows);
            }
            fn norm_backward(level: Level, rows: NormBackward<'_, Self>) {
                level.run(rows);
            }
            fn rotary(level: Level, rows: RotaryRows<'_, Self>) {
                level.run(rows);
            }
            fn rotary_backward(level: Level, rows: RotaryBackward<'_, Self>) {
                level.run(rows);
            }
            fn gate(level: Level, rows: GatedRows<'_, Self>) {
                level.run(rows);
            }
            fn gate_backward(level: Level, rows: GatedBackward<'_, Self>) {
                level.run(rows);
            }
            fn cross_entropy(level: Level, rows: CrossEntropyRows<'_, Self>) {
                level.run(rows);
            }
            fn kl(level: Level, rows: KlRows<'_, Self>) {
                level.run(rows);
            }
        }
    };
}

compile!(f32);
compile!(bf16);
