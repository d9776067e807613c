//! The loss of a step on tensors: log-probabilities, entropies and gradients, a micro-batch at a time.
//!
//! The loss is a function of the log-probability of each token. A first pass over the vocabulary gives those, the host makes of
//! them the derivative for each, and a second pass takes that back to the hidden states: logits of all tokens never stand
//! whole, and the second projection costs less than keeping them.

use tch::{Kind, Tensor};
use thinksafe_runtime::{
    CausalLm, Gradients, LoraSwitch, PackedBatch, PassOptions, Recompute, VocabularyLoss,
};

use crate::Error;
use crate::aggregation::{Aggregation, Totals};
use crate::policy_loss::{PolicyLoss, ResponseLoss, ResponseTokens};
use crate::row::Row;

/// The loss of a step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StepLoss {
    pub(crate) loss: PolicyLoss,
    pub(crate) aggregation: Aggregation,
    pub(crate) totals: Totals,
}

/// What passes over responses measured. All but `loss` and `ratio_distance` are sums over tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Measured {
    pub(crate) loss: f64,
    pub(crate) kl: f64,
    pub(crate) entropy: f64,
    pub(crate) ratio: f64,
    pub(crate) ratio_distance: f64,
    pub(crate) clipped_low: u64,
    pub(crate) clipped_high: u64,
    /// Distances of the trainer's log-probabilities from the engine's.
    pub(crate) mismatch: f64,
    pub(crate) tokens: u64,
}

impl StepLoss {
    /// Adds a micro-batch's gradients to `gradients`; also gives the log-probabilities of its learnt tokens, row after row.
    /// Nothing is dropped out: the ratio is that of the policy that generates.
    pub(crate) fn accumulate(
        &self,
        model: &CausalLm,
        rows: &[&Row],
        recompute: Recompute,
        gradients: &mut Gradients,
    ) -> Result<(Measured, Vec<f64>), Error> {
        let batch = packed(model, rows)?;
        let pass = model.training_pass(&batch, PassOptions { recompute, dropout: None });
        let learnt = Learnt::of(rows, pass.hidden());
        let (policy, entropies) = learnt.predictions(model)?;
        let (measured, slopes) = self.measure(rows, &policy, &entropies);
        let coefficients = Tensor::from_slice(&slopes).to_device(model.device().into());
        let loss = VocabularyLoss::CrossEntropy { targets: &learnt.targets };
        let (_, gradient) =
            model.vocabulary_gradient(&learnt.hidden, loss, &coefficients, gradients);
        let mut dhidden = pass.hidden().zeros_like(); // [N, E]
        let _ = dhidden.index_add_(0, &learnt.positions, &gradient);
        pass.backward(&dhidden, gradients);
        Ok((measured, policy))
    }

    /// What the loss comes to, and the coefficient of each token's cross-entropy, which is -ln p.
    fn measure(&self, rows: &[&Row], policy: &[f64], entropies: &[f64]) -> (Measured, Vec<f32>) {
        let mut measured = Measured::default();
        let mut coefficients = Vec::with_capacity(policy.len());
        let mut start = 0;
        for row in rows {
            let range = start..start + row.learnt();
            start = range.end;
            let policy = &policy[range.clone()];
            // Without an older policy it is this one: ratios are 1, and what is left is the plain policy gradient.
            let (old, reference) = (row.old.as_deref().unwrap_or(policy), row.reference.as_deref());
            let tokens = ResponseTokens { policy, old, reference, advantage: row.advantage };
            let found = self.loss.of(tokens);
            let weight = self.aggregation.token_weight(row.learnt(), self.totals);
            coefficients.extend(found.slopes.iter().map(|slope| -(weight * slope) as f32));
            measured.add(&found, weight);
            measured.entropy += entropies[range].iter().sum::<f64>();
            let apart = policy.iter().zip(&row.sampled).map(|(a, b)| (a - b).abs());
            measured.mismatch += apart.sum::<f64>();
        }
        (measured, coefficients)
    }
}

/// The log-probabilities of the learnt tokens of each row under the model as it is switched.
pub(crate) fn log_probabilities(model: &CausalLm, rows: &[&Row]) -> Result<Vec<Vec<f64>>, Error> {
    let batch = packed(model, rows)?;
    let hidden = model.packed_hidden_states(&batch);
    let (all, _) = Learnt::of(rows, &hidden).predictions(model)?;
    let mut all = all.into_iter();
    Ok(rows.iter().map(|row| all.by_ref().take(row.learnt()).collect()).collect())
}

/// The same under the reference: the model with its adapter off.
pub(crate) fn reference_log_probabilities(
    model: &mut CausalLm,
    rows: &[&Row],
) -> Result<Vec<Vec<f64>>, Error> {
    model.set_lora(LoraSwitch::Off);
    let found = log_probabilities(model, rows);
    model.set_lora(LoraSwitch::On);
    found
}

/// The learnt tokens of a micro-batch, as tensors.
struct Learnt {
    /// `[n]`: from which of the micro-batch's tokens each is predicted.
    positions: Tensor,
    /// `[n]`.
    targets: Tensor,
    /// `[n, E]`.
    hidden: Tensor,
}

impl Learnt {
    fn of(rows: &[&Row], hidden: &Tensor) -> Self {
        let (mut positions, mut targets) = (Vec::new(), Vec::new());
        let mut start = 0;
        for row in rows {
            positions.extend((row.prompt..row.ids.len()).map(|at| (start + at - 1) as i64));
            targets.extend(row.ids[row.prompt..].iter().map(|id| i64::from(*id)));
            start += row.ids.len();
        }
        let positions = Tensor::from_slice(&positions).to_device(hidden.device());
        Self {
            targets: Tensor::from_slice(&targets).to_device(hidden.device()),
            hidden: hidden.index_select(0, &positions),
            positions,
        }
    }

    /// The log-probability of each token, and the entropy that it was drawn with, on the host.
    fn predictions(&self, model: &CausalLm) -> Result<(Vec<f64>, Vec<f64>), Error> {
        let (log_probabilities, entropies) = model.predictions(&self.hidden, &self.targets);
        Ok((on_host(&log_probabilities)?, on_host(&entropies)?))
    }
}

impl Measured {
    fn add(&mut self, found: &ResponseLoss, weight: f64) {
        self.loss += weight * found.loss;
        self.kl += found.kl;
        self.ratio += found.ratio;
        self.ratio_distance = self.ratio_distance.max(found.ratio_distance);
        self.clipped_low += found.clipped_low;
        self.clipped_high += found.clipped_high;
        self.tokens += found.slopes.len() as u64;
    }

    /// Adds what another pass measured.
    pub(crate) fn join(&mut self, other: Self) {
        self.loss += other.loss;
        self.kl += other.kl;
        self.entropy += other.entropy;
        self.ratio += other.ratio;
        self.ratio_distance = self.ratio_distance.max(other.ratio_distance);
        self.clipped_low += other.clipped_low;
        self.clipped_high += other.clipped_high;
        self.mismatch += other.mismatch;
        self.tokens += other.tokens;
    }

    /// A sum over tokens as their mean.
    pub(crate) fn per_token(&self, sum: f64) -> f64 {
        sum / self.tokens.max(1) as f64
    }
}

fn packed(model: &CausalLm, rows: &[&Row]) -> Result<PackedBatch, Error> {
    let ids: Vec<&[u32]> = rows.iter().map(|row| row.ids.as_slice()).collect();
    Ok(PackedBatch::new(&ids, model.device())?)
}

fn on_host(values: &Tensor) -> Result<Vec<f64>, Error> {
    let values = values.to_kind(Kind::Double).to_device(tch::Device::Cpu).contiguous();
    Vec::<f64>::try_from(values).map_err(|source| Error::Backend {
        action: "read values from the device",
        source: Box::new(source),
    })
}
