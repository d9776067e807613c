//! The output projection and a loss over the vocabulary, some tokens at a time, so that `[N, V]` never stands whole.

use tch::{Kind, Tensor};

use super::Gradients;
use super::linear::{product, product_back};
use crate::fused::{cross_entropy, kl};
use crate::model::CausalLm;

/// Values of logits that stand in memory at once: 64 MiB in f32, but at least [`FEWEST_TOKENS`] rows.
const LOGITS: i64 = 1 << 24;

/// Fewer rows than this would leave the time of a product to reading its weights.
const FEWEST_TOKENS: i64 = 128;

/// The loss of predictions over the vocabulary.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum VocabularyLoss<'a> {
    /// `-ln p(target)`.
    CrossEntropy {
        /// `[N]`, i64.
        targets: &'a Tensor,
    },
    /// `KL(reference || model)` over the full vocabulary.
    ForwardKl {
        /// The reference's hidden states, `[N, E]`.
        reference: &'a Tensor,
    },
    /// `KL(model || reference)` over the full vocabulary.
    ReverseKl {
        /// The reference's hidden states, `[N, E]`.
        reference: &'a Tensor,
    },
}

impl CausalLm {
    /// The loss of each prediction, without gradient.
    ///
    /// # Shapes
    /// `hidden`: `[N, E]`, after the final norm; result: `[N]`, f32
    pub fn vocabulary_losses(&self, hidden: &Tensor, loss: VocabularyLoss<'_>) -> Tensor {
        let _guard = tch::no_grad_guard();
        let ones = Tensor::ones([hidden.size()[0]], (Kind::Float, hidden.device()));
        let each = |chunk: Chunk| self.chunk(hidden, loss, &ones, chunk).0;
        joined(self.chunks(hidden).map(each), hidden)
    }

    /// The log-probability of each target and the entropy of each prediction, without gradient.
    ///
    /// What ratios of policies and estimates of KL are made of. Sums over the vocabulary are in f64, so that a policy compared with
    /// itself differs by no more than the layers do.
    ///
    /// # Shapes
    /// - `hidden`: `[N, E]`, after the final norm; `targets`: `[N]`, i64
    /// - log-probabilities and entropies: `[N]`, f64, in nats
    pub fn predictions(&self, hidden: &Tensor, targets: &Tensor) -> (Tensor, Tensor) {
        let _guard = tch::no_grad_guard();
        let each = |chunk: Chunk| {
            let logits = self.logits(&chunk.of(hidden)).to_kind(Kind::Float);
            let scores = &logits - logits.amax([1i64].as_slice(), true);
            let weights = scores.exp();
            let sum = |x: &Tensor| x.sum_dim_intlist([1i64].as_slice(), false, Kind::Double);
            let (total, mean) = (sum(&weights), sum(&(&weights * &scores)));
            let chosen = scores.gather(1, &chunk.of(targets).unsqueeze(1), false).squeeze_dim(1);
            let normalizer = total.log();
            (chosen.to_kind(Kind::Double) - &normalizer, normalizer - mean / total)
        };
        let (log_probabilities, entropies): (Vec<Tensor>, Vec<Tensor>) =
            self.chunks(hidden).map(each).unzip();
        let joined = |chunks: Vec<Tensor>| {
            let none = Tensor::zeros([0], (Kind::Double, hidden.device()));
            if chunks.is_empty() { none } else { Tensor::cat(&chunks, 0) }
        };
        (joined(log_probabilities), joined(entropies))
    }

    /// The loss of each prediction, and the gradient of `Σ coefficient * loss` by the hidden states; that of the output
    /// projection is added to `gradients`, unless it is frozen.
    ///
    /// # Shapes
    /// - `hidden`: `[N, E]`, after the final norm; `coefficients`: `[N]`, f32
    /// - losses: `[N]`, f32; gradient: `[N, E]`, in the model's precision
    pub fn vocabulary_gradient(
        &self,
        hidden: &Tensor,
        loss: VocabularyLoss<'_>,
        coefficients: &Tensor,
        gradients: &mut Gradients,
    ) -> (Tensor, Tensor) {
        let _guard = tch::no_grad_guard();
        let head = self.decoder.head();
        let (mut losses, mut dhidden) = (Vec::new(), Vec::new());
        for chunk in self.chunks(hidden) {
            let (loss, dproducts) = self.chunk(hidden, loss, coefficients, chunk);
            if let Some(head) = head.in_libtorch()
                && let Some(dhead) = gradients.of(head)
            {
                let _ = dhead.g_add_(&dproducts.tr().mm(&chunk.of(hidden)).to_kind(Kind::Float));
            }
            losses.push(loss);
            dhidden.push(product_back(head, &dproducts, None));
        }
        let none = hidden.narrow(0, 0, 0);
        let dhidden = if dhidden.is_empty() { none } else { Tensor::cat(&dhidden, 0) };
        (joined(losses.into_iter(), hidden), dhidden)
    }

    /// The logits of hidden states, `[N, E]` to `[N, V]`.
    fn logits(&self, hidden: &Tensor) -> Tensor {
        self.decoder.logits(product(self.decoder.head(), hidden, None))
    }

    /// The losses of some predictions, and the gradient of the head's products.
    fn chunk(
        &self,
        hidden: &Tensor,
        loss: VocabularyLoss<'_>,
        coefficients: &Tensor,
        chunk: Chunk,
    ) -> (Tensor, Tensor) {
        let logits = self.logits(&chunk.of(hidden));
        let slope = self.decoder.logit_slope(&logits);
        let coefficients = chunk.of(coefficients);
        let (losses, dlogits) = match loss {
            VocabularyLoss::CrossEntropy { targets } => {
                cross_entropy(logits, &chunk.of(targets), &coefficients)
            }
            VocabularyLoss::ForwardKl { reference } => {
                kl(logits, &self.logits(&chunk.of(reference)), false, &coefficients)
            }
            VocabularyLoss::ReverseKl { reference } => {
                kl(logits, &self.logits(&chunk.of(reference)), true, &coefficients)
            }
        };
        (losses, slope.back(dlogits))
    }

    fn chunks(&self, hidden: &Tensor) -> impl Iterator<Item = Chunk> + use<> {
        let tokens = hidden.size()[0];
        let step = (LOGITS / self.config.vocab_size).max(FEWEST_TOKENS);
        let chunk = move |start| Chunk { start, length: step.min(tokens - start) };
        (0..tokens).step_by(step as usize).map(chunk)
    }
}

/// A range of predictions.
#[derive(Clone, Copy)]
struct Chunk {
    start: i64,
    length: i64,
}

impl Chunk {
    fn of(self, tensor: &Tensor) -> Tensor {
        tensor.narrow(0, self.start, self.length)
    }
}

/// The losses of all chunks, `[N]` in f32.
fn joined(chunks: impl Iterator<Item = Tensor>, like: &Tensor) -> Tensor {
    let chunks: Vec<Tensor> = chunks.collect();
    if chunks.is_empty() {
        return Tensor::zeros([0], (Kind::Float, like.device()));
    }
    Tensor::cat(&chunks, 0)
}
