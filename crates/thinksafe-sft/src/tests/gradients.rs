//! Losses and gradients of single global batches.

use tch::{Kind, Tensor};
use thinksafe_runtime::{
    CausalLm, Gradients, Mode, PaddedBatch, PassOptions, Precision, Recompute,
};

use super::{base, disturb, examples, lora_gradients, relative_difference, with_lora};
use crate::loss::accumulate_gradients;
use crate::reduction::Denominators;
use crate::{Example, Objective, Reduction, Subset, Term, TokenLoss, evaluate};

/// Loss terms and adapter gradient of a global batch cut into micro-batches of a size.
fn gradient(
    model: &mut CausalLm,
    examples: &[Example],
    objective: &Objective,
    micro_batch: usize,
) -> (Vec<f64>, Tensor) {
    let mut gradients = Gradients::new(&model.lora_parameters());
    let options = PassOptions { recompute: Recompute::Nothing, dropout: None };
    let rows: Vec<&Example> = examples.iter().collect();
    let denominators: Vec<Denominators> =
        objective.terms.iter().map(|t| Denominators::of(t, &rows)).collect();
    let mut terms = vec![0.0; objective.terms.len()];
    for rows in rows.chunks(micro_batch) {
        let values =
            accumulate_gradients(model, rows, objective, &denominators, options, &mut gradients)
                .unwrap();
        for (sum, value) in
            terms.iter_mut().zip(Vec::<f64>::try_from(values.to_kind(Kind::Double)).unwrap())
        {
            *sum += value;
        }
    }
    (terms, gradients.flat().to_kind(Kind::Double))
}

#[test]
fn the_loss_is_the_mean_over_supervised_tokens_written_out() {
    let mut model = with_lora(Precision::F32, 0.0);
    disturb(&model);
    let examples = examples(3);
    let (mut sum, mut count) = (0.0, 0.0);
    for example in &examples {
        let batch =
            PaddedBatch::new(std::slice::from_ref(&example.ids), 0, model.device()).unwrap();
        let logits = tch::no_grad(|| model.project(&model.hidden_states(&batch, Mode::Evaluate)));
        let log_probs = logits.squeeze_dim(0).log_softmax(-1, Kind::Double);
        for t in 1..example.ids.len() {
            if example.weights[t] > 0.0 {
                sum -= log_probs.double_value(&[t as i64 - 1, i64::from(example.ids[t])]);
                count += 1.0;
            }
        }
    }
    let (terms, _) = gradient(&mut model, &examples, &Objective::cross_entropy(), 3);
    assert!((terms[0] / (sum / count) - 1.0).abs() < 1e-5, "{} {}", terms[0], sum / count);
    let evaluation = evaluate(&mut model, &examples, &Objective::cross_entropy(), 2).unwrap();
    assert!((evaluation.loss / terms[0] - 1.0).abs() < 1e-5);
}

#[test]
fn accumulation_equals_the_whole_batch() {
    let mut model = with_lora(Precision::F32, 0.0);
    disturb(&model);
    let examples = examples(6);
    let objectives = [
        Objective::cross_entropy(),
        Objective::thinksafe_kl(Reduction::TokenMean),
        Objective::thinksafe_kl(Reduction::ExampleMean),
    ];
    for objective in objectives {
        let (terms, whole) = gradient(&mut model, &examples, &objective, 6);
        for micro_batch in [1, 2, 4] {
            let (cut_terms, cut) = gradient(&mut model, &examples, &objective, micro_batch);
            for (a, b) in cut_terms.iter().zip(&terms) {
                assert!((a / b - 1.0).abs() < 1e-6, "{objective:?} {micro_batch}: {a} {b}");
            }
            let difference = relative_difference(&cut, &whole);
            assert!(difference < 1e-6, "{objective:?} {micro_batch}: {difference}");
        }
    }
}

#[test]
fn the_reference_reduction_sums_micro_batches() {
    let mut model = with_lora(Precision::F32, 0.0);
    disturb(&model);
    let examples = examples(4);
    let objective = Objective::thinksafe_kl(Reduction::MicroBatchSum);
    let (_, one) = gradient(&mut model, &examples, &objective, 4);
    let (_, four) = gradient(&mut model, &examples, &objective, 1);
    assert!(relative_difference(&four, &(one * 4.0)) < 1e-5);
}

#[test]
fn the_two_stage_backward_pass_is_the_plain_one() {
    let mut model = with_lora(Precision::F32, 0.0);
    disturb(&model);
    let examples = examples(1);
    let (_, staged) = gradient(&mut model, &examples, &Objective::cross_entropy(), 1);
    for (_, mut tensor) in model.lora_parameters() {
        tensor.zero_grad();
    }
    let ids = &examples[0].ids;
    let batch = PaddedBatch::new(std::slice::from_ref(ids), 0, model.device()).unwrap();
    let logits = model.project(&model.hidden_states(&batch, Mode::Evaluate)).squeeze_dim(0);
    let first = examples[0].weights.iter().position(|w| *w > 0.0).unwrap() as i64;
    let length = ids.len() as i64;
    let targets: Vec<i64> = ids[first as usize..].iter().map(|id| i64::from(*id)).collect();
    let loss = logits
        .narrow(0, first - 1, length - first)
        .cross_entropy_for_logits(&Tensor::from_slice(&targets));
    loss.backward();
    assert!(relative_difference(&staged, &lora_gradients(&model)) < 1e-5);
}

#[test]
fn tokens_that_nothing_supervised_comes_after_and_weights_of_zero_change_nothing() {
    let mut model = with_lora(Precision::F32, 0.0);
    disturb(&model);
    let plain =
        vec![Example::from_mask("a", vec![1, 2, 3, 4, 5], &[false, false, true, true, false])];
    let mut changed = plain.clone();
    changed[0].ids[4] = 9;
    let objective = Objective::cross_entropy();
    let (terms, expected) = gradient(&mut model, &plain, &objective, 1);
    let (changed_terms, actual) = gradient(&mut model, &changed, &objective, 1);
    assert_eq!(terms, changed_terms);
    assert!(actual.equal(&expected));
    // A supervised label does matter, and so does the prompt as context.
    for position in [0, 3] {
        let mut changed = plain.clone();
        changed[0].ids[position] = 9;
        let (_, actual) = gradient(&mut model, &changed, &objective, 1);
        assert!(relative_difference(&actual, &expected) > 1e-3);
    }
}

#[test]
fn weights_scale_tokens() {
    let mut model = with_lora(Precision::F32, 0.0);
    disturb(&model);
    let mut examples = examples(2);
    let objective = Objective::cross_entropy();
    let (_, plain) = gradient(&mut model, &examples, &objective, 2);
    for weight in examples.iter_mut().flat_map(|e| &mut e.weights) {
        *weight *= 0.25;
    }
    let (_, scaled) = gradient(&mut model, &examples, &objective, 2);
    assert!(relative_difference(&scaled, &plain) < 1e-6, "a mean does not change with the unit");
    let doubled = Objective {
        terms: vec![Term { coefficient: 2.0, ..Term::new(TokenLoss::CrossEntropy, Subset::All) }],
    };
    let (_, twice) = gradient(&mut model, &examples, &doubled, 2);
    assert!(relative_difference(&twice, &(plain * 2.0)) < 1e-6);
}

#[test]
fn kl_is_zero_with_zero_gradient_at_the_start_and_positive_later() {
    for precision in [Precision::F32, Precision::Bf16] {
        let mut model = with_lora(precision, 0.0);
        let examples = examples(4);
        let objective = Objective { terms: vec![Term::new(TokenLoss::ForwardKl, Subset::All)] };
        let (terms, gradient_at_start) = gradient(&mut model, &examples, &objective, 4);
        assert!(terms[0].abs() < 1e-6, "{}", terms[0]);
        let largest = gradient_at_start.abs().max().double_value(&[]);
        assert!(largest < 1e-6, "{largest}");
        disturb(&model);
        let (terms, moved) = gradient(&mut model, &examples, &objective, 4);
        assert!(terms[0] > 1e-4, "{}", terms[0]);
        assert!(moved.abs().max().double_value(&[]) > 1e-4);
    }
}

#[test]
fn kl_does_not_depend_on_masked_examples_of_its_batch() {
    let mut model = with_lora(Precision::F32, 0.0);
    disturb(&model);
    let examples = examples(4);
    let objective = Objective::thinksafe_kl(Reduction::TokenMean);
    let benign_only = Objective { terms: vec![objective.terms[1].clone()] };
    let (mixed, _) = gradient(&mut model, &examples, &objective, 4);
    let (alone, _) = gradient(&mut model, &examples, &benign_only, 1);
    assert!((mixed[1] / alone[0] - 1.0).abs() < 1e-5, "{mixed:?} {alone:?}");
}

#[test]
fn unlabelled_and_unused_examples_are_refused() {
    let mut model = base(Precision::F32);
    let mut all = examples(2);
    let benign = Objective { terms: vec![Term::new(TokenLoss::ForwardKl, Subset::Benign)] };
    let error = evaluate(&mut model, &all, &benign, 1).unwrap_err().to_string();
    assert!(error.contains("`e0`") && error.contains("no term"), "{error}");
    all[0].label = None;
    let kl = Objective::thinksafe_kl(Reduction::TokenMean);
    let error = evaluate(&mut model, &all, &kl, 1).unwrap_err().to_string();
    assert!(error.contains("`e0`") && error.contains("no prompt label"), "{error}");
}

#[test]
fn the_reference_objective_trains_prompts_and_loses_the_padding_token() {
    let mut model = with_lora(Precision::F32, 0.0);
    disturb(&model);
    let examples = examples(2);
    let pad = *examples[0].ids.last().unwrap();
    let reference = Objective::reference_kl(pad);
    let (terms, gradient_before) = gradient(&mut model, &examples, &reference, 1);
    // The harmful example's cross-entropy is the plain one of an example whose every other token is supervised.
    let ids = examples[0].ids.clone();
    let supervised: Vec<bool> = ids.iter().map(|id| *id != pad).collect();
    let whole = [Example::from_mask("whole", ids, &supervised)];
    let (expected, _) = gradient(&mut model, &whole, &Objective::cross_entropy(), 1);
    assert!((terms[0] / expected[0] - 1.0).abs() < 1e-5, "{terms:?} {expected:?}");
    // Masks do not matter to it.
    let mut unmasked = examples.clone();
    unmasked[1].weights.fill(1.0);
    let (_, gradient_after) = gradient(&mut model, &unmasked, &reference, 1);
    assert!(gradient_after.equal(&gradient_before));
}
