//! The sizes that the paper trains each method with.

/// How many examples a method learns, and how often (Table 4 of arXiv 2601.23143v4). Everything else is the same for all:
/// LoRA of rank 32 and alpha 16, AdamW at 1e-5, cosine, batches of 8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Setup {
    /// Examples, before filtering.
    pub examples: usize,
    /// Passes over them.
    pub epochs: u32,
}

impl Setup {
    /// The prompts that ThinkSafe itself trains on.
    pub const PROMPTS: usize = 40_000;

    /// ThinkSafe, its ablations, and `SafeChain`: all prompts.
    pub const THINKSAFE: Self = Self { examples: Self::PROMPTS, epochs: 3 };

    /// DirectRefusal, STAR-1 and `SafeKey`.
    pub const DIRECT_REFUSAL: Self = Self { examples: 1_000, epochs: 5 };

    /// `SafePath`.
    pub const SAFEPATH: Self = Self { examples: 400, epochs: 4 };

    /// How many examples that is beside `prompts` prompts in place of [`PROMPTS`](Self::PROMPTS); at least a batch of 8.
    ///
    /// ```
    /// use thinksafe_recipes::Setup;
    ///
    /// assert_eq!(Setup::DIRECT_REFUSAL.scaled_examples(1_200), 30);
    /// assert_eq!(Setup::SAFEPATH.scaled_examples(120), 8);
    /// ```
    pub fn scaled_examples(self, prompts: usize) -> usize {
        let exact = self.examples as f64 * prompts as f64 / Self::PROMPTS as f64;
        (exact.round() as usize).max(8)
    }
}
