//! Hidden states of every layer and logits, alone and in a right-padded batch.

use tch::Tensor;
use thinksafe_runtime::CausalLm;
use thinksafe_tests::close::{Tolerance, assert_close};

use crate::support::{Case, PROMPTS, batch};

/// The largest errors of a case.
#[derive(Debug, Default)]
struct Errors {
    hidden_alone: f64,
    logits_alone: f64,
    hidden_batched: f64,
    logits_batched: f64,
}

#[test]
fn hidden_states_of_every_layer_and_logits_match_transformers() {
    println!("| case | layers' states | logits | states, batched | logits, batched |");
    for case in Case::all() {
        let model = case.model();
        let mut errors = Errors::default();
        for prompt in 0..PROMPTS {
            alone(&case, &model, prompt, &mut errors);
        }
        batched(&case, &model, &mut errors);
        println!(
            "| {} | {:.1e} | {:.1e} | {:.1e} | {:.1e} |",
            case.name,
            errors.hidden_alone,
            errors.logits_alone,
            errors.hidden_batched,
            errors.logits_batched,
        );
    }
}

fn alone(case: &Case, model: &CausalLm, prompt: usize, errors: &mut Errors) {
    let ids = case.expected.ids(&format!("prompt.{prompt}"));
    let states = model.all_hidden_states(&batch(model, &[ids]));
    assert!(!case.expected.contains(&format!("hidden.{prompt}.{}", states.len())));
    for (layer, state) in states.iter().enumerate() {
        let name = format!("hidden.{prompt}.{layer}");
        let error = close(case, &name, &state.squeeze_dim(0), case.expected.tensor(&name));
        errors.hidden_alone = errors.hidden_alone.max(error);
    }
    let name = format!("logits.{prompt}");
    let logits = project_last(model, &states).squeeze_dim(0);
    let error = close(case, &name, &logits, case.expected.tensor(&name));
    errors.logits_alone = errors.logits_alone.max(error);
}

fn batched(case: &Case, model: &CausalLm, errors: &mut Errors) {
    let padded = batch(model, &case.prompts());
    assert_eq!(padded.ids, *case.expected.tensor("batch.ids"), "{}", case.name);
    let lengths = padded.lengths.clone();
    let states = model.all_hidden_states(&padded);
    for (layer, state) in states.iter().enumerate() {
        let error = valid_rows(case, &format!("batch.hidden.{layer}"), state, &lengths);
        errors.hidden_batched = errors.hidden_batched.max(error);
    }
    let logits = project_last(model, &states);
    errors.logits_batched = valid_rows(case, "batch.logits", &logits, &lengths);
}

/// Compares what stands at positions that are not padding.
fn valid_rows(case: &Case, name: &str, actual: &Tensor, lengths: &[i64]) -> f64 {
    let expected = case.expected.tensor(name);
    let rows = lengths.iter().zip(0..).map(|(length, row)| {
        let valid = |tensor: &Tensor| tensor.get(row).narrow(0, 0, *length);
        close(case, &format!("{name}[{row}]"), &valid(actual), &valid(expected))
    });
    rows.fold(0.0, f64::max)
}

fn project_last(model: &CausalLm, states: &[Tensor]) -> Tensor {
    let last = states.last().expect("there is at least the embedding");
    tch::no_grad(|| model.project(last))
}

/// Within 1e-4; where values reach more than ten, 1e-5 of the largest: libtorch's own rounding differs by as much between
/// processors.
#[track_caller]
fn close(case: &Case, name: &str, actual: &Tensor, expected: &Tensor) -> f64 {
    let largest = expected.abs().max().double_value(&[]);
    let tolerance = Tolerance { rtol: 0.0, atol: (1e-5 * largest).max(Tolerance::F32.atol) };
    assert_close(&format!("{} {name}", case.name), actual, expected, tolerance)
}
