//! Trainers with the known bugs, made of the real one.

use tch::{Kind, Tensor};
use thinksafe_core::seed::Seed;

use crate::doctor::batching::at_once;
use crate::doctor::bench::Bench;
use crate::doctor::subject::{Named, Pass, Run, Subject};
use crate::{BatchSize, Error, Example, MicroBatch, Objective, Reduction, SftConfig};

/// A bug of a trainer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bug {
    /// Each micro-batch is a mean of its own, and the means are averaged.
    AveragesMicroBatches,
    /// The sum over a window is divided by the window's nominal size.
    DividesByTheWindow,
    /// Each example counts the same where each token should.
    AveragesExamples,
    /// A micro-batch is one sequence: no mask between examples, positions go on.
    PacksWithoutBorders,
    /// The collator writes over the labels with the ids.
    LabelsAreInputs,
    /// Weights other than 0 count as 1.
    IgnoresWeights,
    /// Gradients pass through bf16.
    RoundsGradients,
    /// Checkpointed layers do not pass gradients on: the first is cut off from the loss.
    CutsTheGraph,
    /// The adapter's values come from a generator that nobody seeded.
    IgnoresTheSeed,
    /// The adapter's values are the same for every seed.
    HasOneSeed,
    /// A checkpoint holds weights and nothing else.
    ForgetsTheOptimizer,
    /// No token is in the loss.
    LosesTheLabels,
}

/// The real trainer with a bug.
pub(super) struct Faulty<'m> {
    pub(super) inner: Bench<'m>,
    pub(super) bug: Bug,
    pub(super) adapters: u64,
}

impl Subject for Faulty<'_> {
    fn pass(
        &mut self,
        examples: &[Example],
        batch: BatchSize,
        objective: &Objective,
    ) -> Result<Pass, Error> {
        let mut examples = examples.to_vec();
        let mut objective = objective.clone();
        match self.bug {
            Bug::AveragesMicroBatches => {
                return self.mean_of_micro_batches(&examples, batch, &objective);
            }
            Bug::AveragesExamples => {
                for term in &mut objective.terms {
                    term.reduction = Reduction::ExampleMean;
                }
            }
            Bug::PacksWithoutBorders => {
                examples = examples.chunks(micro_batch(batch)).map(concatenated).collect();
            }
            Bug::LabelsAreInputs => set_weights(&mut examples, |_| 1.0),
            Bug::IgnoresWeights => {
                set_weights(&mut examples, |weight| f32::from(u8::from(weight > 0.0)));
            }
            _ => {}
        }
        let mut pass = self.inner.pass(&examples, batch, &objective)?;
        match self.bug {
            Bug::DividesByTheWindow => {
                let share = examples.len() as f64 / batch.examples as f64;
                pass = Pass::weighted_sum(&[(share, pass)]);
            }
            Bug::RoundsGradients => {
                let round = |t: &Tensor| t.to_kind(Kind::BFloat16).to_kind(Kind::Float);
                pass.gradients.iter_mut().for_each(|(_, t)| *t = round(t));
            }
            _ => {}
        }
        Ok(pass)
    }

    fn pass_with_recomputation(&mut self, examples: &[Example]) -> Result<Pass, Error> {
        let mut pass = self.inner.pass_with_recomputation(examples)?;
        if self.bug == Bug::CutsTheGraph {
            cut_first_layer(&mut pass.gradients);
        }
        Ok(pass)
    }

    fn formula(&mut self, examples: &[Example]) -> Result<Pass, Error> {
        self.inner.formula(examples)
    }

    fn fresh_adapter(&mut self, seed: Seed) -> Result<Named, Error> {
        self.adapters += 1;
        self.inner.fresh_adapter(match self.bug {
            Bug::IgnoresTheSeed => Seed(self.adapters),
            Bug::HasOneSeed => Seed(0),
            _ => seed,
        })
    }

    fn train(
        &mut self,
        examples: &[Example],
        config: &SftConfig,
        interrupted_after: Option<u64>,
    ) -> Result<Run, Error> {
        if self.bug == Bug::ForgetsTheOptimizer && interrupted_after.is_some() {
            return self.inner.train_on_from_weights_alone(examples, config, interrupted_after);
        }
        let mut run = self.inner.train(examples, config, interrupted_after)?;
        if self.bug == Bug::LosesTheLabels {
            run.losses.fill(0.0);
        }
        if self.bug == Bug::CutsTheGraph {
            run.gradients.iter_mut().for_each(cut_first_layer);
        }
        Ok(run)
    }

    fn noise(&self) -> f64 {
        self.inner.noise()
    }

    fn repeats_bits(&self) -> bool {
        self.inner.repeats_bits()
    }
}

impl Faulty<'_> {
    fn mean_of_micro_batches(
        &mut self,
        examples: &[Example],
        batch: BatchSize,
        objective: &Objective,
    ) -> Result<Pass, Error> {
        let micro_batches: Vec<&[Example]> = examples.chunks(micro_batch(batch)).collect();
        let share = 1.0 / micro_batches.len() as f64;
        let mut passes = Vec::new();
        for rows in micro_batches {
            passes.push((share, self.inner.pass(rows, at_once(rows), objective)?));
        }
        Ok(Pass::weighted_sum(&passes))
    }
}

/// The examples of a micro-batch; those cut by tokens are taken one by one.
fn micro_batch(batch: BatchSize) -> usize {
    match batch.micro {
        MicroBatch::Examples(count) => count,
        MicroBatch::Tokens(_) => 1,
    }
}

fn cut_first_layer(gradients: &mut Named) {
    for (_, gradient) in gradients.iter_mut().filter(|(name, _)| name.contains("layers.0.")) {
        let _ = gradient.zero_();
    }
}

fn concatenated(rows: &[Example]) -> Example {
    let mut whole = rows[0].clone();
    for row in &rows[1..] {
        whole.ids.extend(&row.ids);
        // The first token of a sequence is never a target.
        whole.weights.push(0.0);
        whole.weights.extend(&row.weights[1..]);
    }
    whole
}

fn set_weights(examples: &mut [Example], weight: impl Fn(f32) -> f32) {
    for value in examples.iter_mut().flat_map(|example| &mut example.weights) {
        *value = weight(*value);
    }
}
