//! The objective on tensors: values and gradients of one micro-batch.
//!
//! The trunk of the model runs once. Logits are made only where a term needs them, in chunks of tokens, in f32, and
//! each chunk's backward pass ends at the hidden states: `[tokens, V]` never stands whole in memory. The gradients of
//! the hidden states then go through the trunk in one backward pass.

use tch::{Kind, Tensor};
use thinksafe_runtime::{CausalLm, LoraSwitch, Mode, PaddedBatch};

use crate::Error;
use crate::example::Example;
use crate::objective::{Objective, Term, TokenLoss};
use crate::reduction::{Denominators, TermTokens};

/// Logits that stand in memory at once, per copy: 256 MiB in f32.
const LOGITS_PER_CHUNK: i64 = 1 << 26;

/// The id behind the end of a row. No real token's hidden state depends on it, so every model has it: 0.
const PAD: u32 = 0;

/// Adds a micro-batch's gradients to those of the trained parameters; dropout is on.
///
/// Returns the value of each term, `[terms]` in f32, on the model's device.
pub(crate) fn accumulate_gradients(
    model: &mut CausalLm,
    rows: &[&Example],
    objective: &Objective,
    denominators: &[Denominators],
) -> Result<Tensor, Error> {
    let batch = padded(model, rows)?;
    let width = batch.ids.size()[1] as usize;
    let hidden = model.hidden_states(&batch, Mode::Train).flatten(0, 1); // [B * T, E]
    let mut values = Vec::with_capacity(objective.terms.len());
    let mut through_trunk: Option<Tensor> = None;
    for (term, denominators) in objective.terms.iter().zip(denominators) {
        let tokens = TermTokens::of(term, rows, width, rows.len(), *denominators);
        if tokens.is_empty() {
            values.push(Tensor::zeros([], (Kind::Float, hidden.device())));
            continue;
        }
        let tokens = OnDevice::of(&tokens, &hidden);
        let selected = hidden.index_select(0, &tokens.positions); // [N, E]
        let reference = reference(model, term, rows)?;
        let (value, gradient) =
            backward_to_hidden(model, term.loss, &selected.detach(), reference.as_ref(), &tokens);
        values.push(value);
        // The derivative of this sum by `selected` is `gradient`.
        let sum = (selected * gradient).sum(Kind::Float);
        through_trunk = Some(through_trunk.map_or_else(|| sum.shallow_clone(), |all| all + &sum));
    }
    if let Some(sum) = through_trunk {
        sum.f_backward().map_err(Error::backend("run the backward pass"))?;
    }
    Ok(Tensor::stack(&values, 0))
}

/// The value of each term on a micro-batch, `[terms]` in f32; no gradient, no dropout.
pub(crate) fn values(
    model: &mut CausalLm,
    rows: &[&Example],
    objective: &Objective,
    denominators: &[Denominators],
) -> Result<Tensor, Error> {
    let _guard = tch::no_grad_guard();
    let batch = padded(model, rows)?;
    let width = batch.ids.size()[1] as usize;
    let hidden = model.hidden_states(&batch, Mode::Evaluate).flatten(0, 1); // [B * T, E]
    let mut values = Vec::with_capacity(objective.terms.len());
    for (term, denominators) in objective.terms.iter().zip(denominators) {
        let tokens = TermTokens::of(term, rows, width, rows.len(), *denominators);
        let mut value = Tensor::zeros([], (Kind::Float, hidden.device()));
        if !tokens.is_empty() {
            let tokens = OnDevice::of(&tokens, &hidden);
            let selected = hidden.index_select(0, &tokens.positions); // [N, E]
            let reference = reference(model, term, rows)?;
            for chunk in chunks(model, &tokens) {
                let here = chunk.of(&selected);
                value += chunk_loss(model, term.loss, &here, reference.as_ref(), &tokens, chunk);
            }
        }
        values.push(value);
    }
    Ok(Tensor::stack(&values, 0))
}

/// The value of a loss and its gradient by the hidden states `[N, E]`; gradients of a trained output projection are
/// accumulated on the way.
fn backward_to_hidden(
    model: &mut CausalLm,
    loss: TokenLoss,
    hidden: &Tensor,
    reference: Option<&Tensor>,
    tokens: &OnDevice,
) -> (Tensor, Tensor) {
    let mut value = Tensor::zeros([], (Kind::Float, hidden.device()));
    let mut gradients = Vec::new();
    for chunk in chunks(model, tokens) {
        let here = chunk.of(hidden).detach().set_requires_grad(true); // [n, E]
        let part = chunk_loss(model, loss, &here, reference, tokens, chunk);
        part.backward();
        value += part.detach();
        gradients.push(here.grad());
    }
    (value, Tensor::cat(&gradients, 0))
}

/// The sum of a chunk's token losses times their coefficients, a scalar in f32.
fn chunk_loss(
    model: &mut CausalLm,
    loss: TokenLoss,
    hidden: &Tensor,
    reference: Option<&Tensor>,
    tokens: &OnDevice,
    chunk: Chunk,
) -> Tensor {
    let log_probs = model.project(hidden).log_softmax(-1, Kind::Float); // [n, V]
    let losses = match (loss, reference) {
        (TokenLoss::ForwardKl, Some(reference)) => {
            let reference = reference_log_probs(model, &chunk.of(reference));
            (reference.exp() * (&reference - log_probs)).sum_dim_intlist(-1, false, Kind::Float)
        }
        _ => -log_probs.gather(-1, &chunk.of(&tokens.targets).unsqueeze(-1), false).squeeze_dim(-1),
    };
    (losses * chunk.of(&tokens.coefficients)).sum(Kind::Float)
}

/// The reference model's hidden states `[N, E]` for the predictions of a term, in the same order, if it needs them.
fn reference(
    model: &mut CausalLm,
    term: &Term,
    rows: &[&Example],
) -> Result<Option<Tensor>, Error> {
    if !term.loss.needs_reference() {
        return Ok(None);
    }
    let rows: Vec<&Example> = rows.iter().copied().filter(|e| term.on.contains(e.label)).collect();
    let batch = padded(model, &rows)?;
    let width = batch.ids.size()[1] as usize;
    let positions = TermTokens::positions_of(term, &rows, width);
    model.set_lora(LoraSwitch::Off);
    let hidden = tch::no_grad(|| model.hidden_states(&batch, Mode::Evaluate).flatten(0, 1));
    model.set_lora(LoraSwitch::On);
    let positions = Tensor::from_slice(&positions).to_device(hidden.device());
    Ok(Some(hidden.index_select(0, &positions)))
}

fn reference_log_probs(model: &mut CausalLm, hidden: &Tensor) -> Tensor {
    model.set_lora(LoraSwitch::Off);
    let log_probs = tch::no_grad(|| model.project(hidden).log_softmax(-1, Kind::Float));
    model.set_lora(LoraSwitch::On);
    log_probs
}

fn padded(model: &CausalLm, rows: &[&Example]) -> Result<PaddedBatch, Error> {
    let ids: Vec<Vec<u32>> = rows.iter().map(|example| example.ids.clone()).collect();
    Ok(PaddedBatch::new(&ids, PAD, model.device())?)
}

/// A term's tokens as tensors `[N]`.
struct OnDevice {
    positions: Tensor,
    targets: Tensor,
    coefficients: Tensor,
}

impl OnDevice {
    fn of(tokens: &TermTokens, like: &Tensor) -> Self {
        let device = like.device();
        Self {
            positions: Tensor::from_slice(&tokens.positions).to_device(device),
            targets: Tensor::from_slice(&tokens.targets).to_device(device),
            coefficients: Tensor::from_slice(&tokens.coefficients).to_device(device),
        }
    }
}

/// A range of a term's tokens.
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

fn chunks(model: &CausalLm, tokens: &OnDevice) -> impl Iterator<Item = Chunk> + use<> {
    let total = tokens.targets.size()[0];
    let step = (LOGITS_PER_CHUNK / model.config().vocab_size).max(1);
    (0..total)
        .step_by(step as usize)
        .map(move |start| Chunk { start, length: step.min(total - start) })
}
