//! The objective on held-out examples.

use tch::Tensor;
use thinksafe_runtime::CausalLm;

use crate::Error;
use crate::example::Example;
use crate::objective::Objective;
use crate::record::TermValue;
use crate::reduction::Denominators;
use crate::{loss, objective::Reduction};

/// The value of an objective on a set of examples.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// The sum of the terms.
    pub loss: f64,
    /// Each term, in the objective's order.
    pub terms: Vec<TermValue>,
    /// Supervised tokens.
    pub supervised_tokens: u64,
}

/// Evaluates an objective without gradient and dropout, `micro_batch` examples at a time.
///
/// All examples are one global batch: a token mean is the mean over all their tokens, whatever `micro_batch` is.
/// An adapter that is switched off stays out of the value; a KL term wants it on, and leaves it on.
///
/// # Errors
/// [`Error::NoExamples`]; [`Error::Example`] for one that does not go with the model or the objective;
/// [`Error::Config`] if `micro_batch` is 0 or the objective is not usable.
pub fn evaluate(
    model: &mut CausalLm,
    examples: &[Example],
    objective: &Objective,
    micro_batch: usize,
) -> Result<Evaluation, Error> {
    validate(model, examples, objective, micro_batch)?;
    let objective = without_micro_batch_sums(objective);
    let rows: Vec<&Example> = examples.iter().collect();
    let denominators: Vec<Denominators> =
        objective.terms.iter().map(|term| Denominators::of(term, &rows)).collect();
    let mut values = Vec::new();
    for rows in rows.chunks(micro_batch) {
        values.push(loss::values(model, rows, &objective, &denominators)?);
    }
    let values = to_f64(&Tensor::stack(&values, 0).sum_dim_intlist(0, false, tch::Kind::Double))?;
    let terms = named(&objective, &values);
    let supervised_tokens = examples.iter().map(|e| e.supervised_tokens() as u64).sum();
    Ok(Evaluation { loss: values.iter().sum(), terms, supervised_tokens })
}

/// What [`evaluate`] refuses.
pub(crate) fn validate(
    model: &CausalLm,
    examples: &[Example],
    objective: &Objective,
    micro_batch: usize,
) -> Result<(), Error> {
    if micro_batch == 0 {
        let reason = "expected a number from 1, found 0".to_owned();
        return Err(Error::Config { field: "micro_batch", reason });
    }
    if examples.is_empty() {
        return Err(Error::NoExamples);
    }
    for example in examples {
        example.validate(model.config().vocab_size as usize)?;
    }
    objective.validate(examples)
}

/// Term values with their names.
pub(crate) fn named(objective: &Objective, values: &[f64]) -> Vec<TermValue> {
    let terms = objective.terms.iter().zip(values);
    terms
        .map(|(term, value)| TermValue { loss: term.loss.as_str().to_owned(), value: *value })
        .collect()
}

/// A vector of any kind and device as f64s on the host.
pub(crate) fn to_f64(tensor: &Tensor) -> Result<Vec<f64>, Error> {
    let tensor = tensor.to_kind(tch::Kind::Double).to_device(tch::Device::Cpu).contiguous();
    Vec::<f64>::try_from(tensor).map_err(Error::backend("read values from the device"))
}

/// The same objective with sums over micro-batches as means: an evaluation does not depend on how it is cut.
fn without_micro_batch_sums(objective: &Objective) -> Objective {
    let mut objective = objective.clone();
    for term in &mut objective.terms {
        if term.reduction == Reduction::MicroBatchSum {
            term.reduction = Reduction::ExampleMean;
        }
    }
    objective
}
