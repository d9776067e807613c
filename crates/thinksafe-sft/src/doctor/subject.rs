//! What the training checks ask of a trainer, and how its answers are compared.

use tch::{Kind, Tensor};
use thinksafe_core::seed::Seed;

use crate::Error;
use crate::config::SftConfig;
use crate::example::Example;
use crate::objective::Objective;
use crate::plan::BatchSize;

/// Tensors by name, in f32.
pub(super) type Named = Vec<(String, Tensor)>;

/// A trainer on the examination table. Tests put faulty ones in its place.
pub(super) trait Subject {
    /// Loss and gradients of one global batch, cut into micro-batches: same weights in every call, no dropout, no
    /// clipping, no update. `examples` may be fewer than the batch asks for.
    fn pass(
        &mut self,
        examples: &[Example],
        batch: BatchSize,
        objective: &Objective,
    ) -> Result<Pass, Error>;

    /// Cross-entropy of one micro-batch, with layers computed again in the backward pass to save memory.
    fn pass_with_recomputation(&mut self, examples: &[Example]) -> Result<Pass, Error>;

    /// Cross-entropy, mean over the weighted tokens, and its gradients at the same weights, written out plainly.
    fn formula(&mut self, examples: &[Example]) -> Result<Pass, Error>;

    /// The first values of the adapter for a seed.
    fn fresh_adapter(&mut self, seed: Seed) -> Result<Named, Error>;

    /// Trains from the beginning. With `interrupted_after`, it saves a checkpoint after so many steps, forgets all,
    /// and goes on from the checkpoint.
    fn train(
        &mut self,
        examples: &[Example],
        config: &SftConfig,
        interrupted_after: Option<u64>,
    ) -> Result<Run, Error>;

    /// The relative difference that two computations of one value may have, from the order of sums.
    fn noise(&self) -> f64;

    /// Whether one computation made twice has the same bits.
    fn repeats_bits(&self) -> bool;
}

/// What one pass gave.
#[derive(Debug)]
pub(super) struct Pass {
    pub(super) loss: f64,
    pub(super) gradients: Named,
}

/// What a short training gave.
#[derive(Debug, Default)]
pub(super) struct Run {
    /// The loss of each step.
    pub(super) losses: Vec<f64>,
    /// The gradients of each step.
    pub(super) gradients: Vec<Named>,
    /// What was trained, after the last step.
    pub(super) parameters: Named,
}

impl Pass {
    /// The sum of passes, each times a factor.
    pub(super) fn weighted_sum(passes: &[(f64, Self)]) -> Self {
        let loss = passes.iter().map(|(factor, pass)| factor * pass.loss).sum();
        let names = passes.first().map(|(_, pass)| pass.gradients.iter());
        let sum = |index: usize| {
            let parts = passes.iter().map(|(factor, pass)| &pass.gradients[index].1 * *factor);
            parts.reduce(|sum, part| sum + part).unwrap_or_default()
        };
        let names = names.into_iter().flatten().enumerate();
        Self { loss, gradients: names.map(|(i, (name, _))| (name.clone(), sum(i))).collect() }
    }

    /// How far another pass is from this one: the larger of the relative differences of loss and gradient.
    pub(super) fn distance(&self, other: &Self) -> f64 {
        let loss = (other.loss - self.loss).abs() / self.loss.abs().max(f64::MIN_POSITIVE);
        let loss = if self.loss == other.loss { 0.0 } else { loss };
        let gradient = relative_difference(&self.gradients, &other.gradients);
        // A NaN is infinitely far from everything.
        if loss.is_nan() || gradient.is_nan() { f64::INFINITY } else { loss.max(gradient) }
    }
}

/// The 2-norm of the difference of two lists of tensors, relative to that of the first.
pub(super) fn relative_difference(expected: &Named, found: &Named) -> f64 {
    let mut squares = (0.0, 0.0);
    for ((_, expected), (_, found)) in expected.iter().zip(found) {
        squares.0 += norm(&(expected - found)).powi(2);
        squares.1 += norm(expected).powi(2);
    }
    if squares.0 == 0.0 { 0.0 } else { (squares.0 / squares.1).sqrt() }
}

/// The 2-norm.
pub(super) fn norm(tensor: &Tensor) -> f64 {
    let tensor = tensor.to_kind(Kind::Float).norm().to_kind(Kind::Double);
    f64::try_from(tensor).unwrap_or(f64::NAN)
}
