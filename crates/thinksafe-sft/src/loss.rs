//! The objective on tensors: values and gradients of one micro-batch.
//!
//! The examples of a micro-batch lie one behind the other and pass the layers once. Logits are made only where a term needs
//! them, some tokens at a time; what they say of the hidden states then goes through the layers in one backward pass.

use tch::{Kind, Tensor};
use thinksafe_runtime::{
    CausalLm, Gradients, LoraSwitch, PackedBatch, PassOptions, VocabularyLoss,
};

use crate::Error;
use crate::example::Example;
use crate::objective::{Objective, Term, TokenLoss};
use crate::reduction::{Denominators, TermTokens};

/// Adds a micro-batch's gradients to `gradients`, and returns the value of each term, `[terms]` in f32, on the model's
/// device.
pub(crate) fn accumulate_gradients(
    model: &mut CausalLm,
    rows: &[&Example],
    objective: &Objective,
    denominators: &[Denominators],
    options: PassOptions,
    gradients: &mut Gradients,
) -> Result<Tensor, Error> {
    let batch = packed(model, rows)?;
    let reference = reference(model, &batch, objective);
    let pass = model.training_pass(&batch, options);
    let hidden = pass.hidden();
    let mut values = Vec::with_capacity(objective.terms.len());
    let mut dhidden = hidden.zeros_like(); // [N, E]
    for (term, denominators) in objective.terms.iter().zip(denominators) {
        let tokens = Predictions::of(term, rows, *denominators, hidden, reference.as_ref());
        let (losses, gradient) = model.vocabulary_gradient(
            &tokens.hidden,
            tokens.loss(term.loss),
            &tokens.coefficients,
            gradients,
        );
        let _ = dhidden.index_add_(0, &tokens.positions, &gradient);
        values.push((losses * &tokens.coefficients).sum(Kind::Float));
    }
    pass.backward(&dhidden, gradients);
    Ok(Tensor::stack(&values, 0))
}

/// The value of each term on a micro-batch, `[terms]` in f32; no gradient, no dropout.
pub(crate) fn values(
    model: &mut CausalLm,
    rows: &[&Example],
    objective: &Objective,
    denominators: &[Denominators],
) -> Result<Tensor, Error> {
    let batch = packed(model, rows)?;
    let reference = reference(model, &batch, objective);
    let hidden = model.packed_hidden_states(&batch);
    let value = |(term, denominators): (&Term, &Denominators)| {
        let tokens = Predictions::of(term, rows, *denominators, &hidden, reference.as_ref());
        let losses = model.vocabulary_losses(&tokens.hidden, tokens.loss(term.loss));
        (losses * &tokens.coefficients).sum(Kind::Float)
    };
    let values: Vec<Tensor> = objective.terms.iter().zip(denominators).map(value).collect();
    Ok(Tensor::stack(&values, 0))
}

/// The hidden states of the model with its adapter off, `[N, E]`, if a term compares with it.
fn reference(model: &mut CausalLm, batch: &PackedBatch, objective: &Objective) -> Option<Tensor> {
    objective.needs_reference().then(|| {
        model.set_lora(LoraSwitch::Off);
        let hidden = model.packed_hidden_states(batch);
        model.set_lora(LoraSwitch::On);
        hidden
    })
}

fn packed(model: &CausalLm, rows: &[&Example]) -> Result<PackedBatch, Error> {
    let ids: Vec<&[u32]> = rows.iter().map(|example| example.ids.as_slice()).collect();
    Ok(PackedBatch::new(&ids, model.device())?)
}

/// The predictions of one term, as tensors.
struct Predictions {
    /// `[n]`: from which of the micro-batch's tokens they are made.
    positions: Tensor,
    /// `[n]`: what is to be predicted.
    targets: Tensor,
    /// `[n]`, f32.
    coefficients: Tensor,
    /// `[n, E]`.
    hidden: Tensor,
    /// `[n, E]`.
    reference: Option<Tensor>,
}

impl Predictions {
    fn of(
        term: &Term,
        rows: &[&Example],
        denominators: Denominators,
        hidden: &Tensor,
        reference: Option<&Tensor>,
    ) -> Self {
        let TermTokens { positions, targets, coefficients } =
            TermTokens::of(term, rows, denominators);
        let device = hidden.device();
        let positions = Tensor::from_slice(&positions).to_device(device);
        let reference = reference.filter(|_| term.loss.needs_reference());
        Self {
            targets: Tensor::from_slice(&targets).to_device(device),
            coefficients: Tensor::from_slice(&coefficients).to_device(device),
            hidden: hidden.index_select(0, &positions),
            reference: reference.map(|states| states.index_select(0, &positions)),
            positions,
        }
    }

    fn loss(&self, loss: TokenLoss) -> VocabularyLoss<'_> {
        match (loss, &self.reference) {
            (TokenLoss::ForwardKl, Some(reference)) => VocabularyLoss::ForwardKl { reference },
            (TokenLoss::ReverseKl, Some(reference)) => VocabularyLoss::ReverseKl { reference },
            _ => VocabularyLoss::CrossEntropy { targets: &self.targets },
        }
    }
}
