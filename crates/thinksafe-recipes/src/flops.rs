//! Floating-point operations by the usual count.
//!
//! A token that passes through a matrix of P parameters takes 2 P operations. Attention over a context of c tokens takes
//! 4 L W c more (scores and their use, in L layers whose heads together are W wide), which is 2 L W n² over a text of n
//! tokens. Going back through a matrix takes 2 P for what is below and 2 P for its own gradient if it is trained; through
//! attention, whose operands are all activations, twice its forward pass. So, for F frozen and T trained parameters:
//!
//! | | matrices, per token | attention, per text |
//! |---|---|---|
//! | forward pass, generation | 2 (F + T) | 2 L W n² |
//! | training | 4 F + 6 T | 6 L W n² |
//!
//! Norms, rotations and the softmax are left out. Generation counts each token of prompt and completion once: what a cache
//! or a shared beginning saves is not seen, nor is what recomputed layers cost.

/// What of a model the count depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "plain numbers")]
pub struct ModelSize {
    /// Parameters in matrix products that stay as they are: every weight but the embedding, the output head included
    /// (also where it is the embedding's matrix).
    pub frozen: u64,
    /// Parameters in matrix products that are trained: the adapter's.
    pub trained: u64,
    /// Layers.
    pub layers: u64,
    /// Attention heads times their size.
    pub attention_width: u64,
}

impl ModelSize {
    /// A forward pass over a text of so many tokens; also what it takes to generate its end.
    ///
    /// ```
    /// use thinksafe_recipes::flops::ModelSize;
    ///
    /// let size = ModelSize { frozen: 1_000, trained: 10, layers: 2, attention_width: 8 };
    /// assert_eq!(size.forward(5), 2 * 1_010 * 5 + 2 * 2 * 8 * 25);
    /// assert_eq!(size.training(5), (4 * 1_000 + 6 * 10) * 5 + 6 * 2 * 8 * 25);
    /// ```
    pub fn forward(self, tokens: u64) -> u64 {
        2 * (self.frozen + self.trained) * tokens + self.attention(tokens)
    }

    /// Forward and backward pass over a text of so many tokens.
    pub fn training(self, tokens: u64) -> u64 {
        (4 * self.frozen + 6 * self.trained) * tokens + 3 * self.attention(tokens)
    }

    fn attention(self, tokens: u64) -> u64 {
        2 * self.layers * self.attention_width * tokens * tokens
    }
}
