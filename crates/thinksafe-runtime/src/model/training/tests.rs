//! The written derivative against libtorch's automatic differentiation.

mod frozen;

use tch::{Kind, Tensor};
use thinksafe_core::seed::Seed;

use crate::fixture::{SHAPES, generator, model, prompts, stir_adapter};
use crate::{
    CausalLm, Device, Gradients, LoraConfig, LoraSwitch, Mode, PackedBatch, PaddedBatch,
    PassOptions, Precision, Recompute, Targets, VocabularyLoss,
};

const KEEP: PassOptions = PassOptions { recompute: Recompute::Nothing, dropout: None };

fn all_linear(model: &mut CausalLm, dropout: f64) {
    let targets = Targets::all_linear();
    let config = LoraConfig { rank: 4, alpha: 6.0, rslora: true, dropout, targets };
    model.attach_lora(config, Seed(5)).unwrap();
    stir_adapter(model);
}

fn packed(sequences: &[Vec<u32>]) -> PackedBatch {
    let sequences: Vec<&[u32]> = sequences.iter().map(Vec::as_slice).collect();
    PackedBatch::new(&sequences, Device::CPU).unwrap()
}

/// The hidden states of all sequences by the path that libtorch differentiates, one behind the other.
fn hidden(model: &CausalLm, sequences: &[Vec<u32>]) -> Tensor {
    let batch = PaddedBatch::new(sequences, 0, Device::CPU).unwrap();
    let states = model.hidden_states(&batch, Mode::Evaluate);
    let rows = (0..).zip(sequences).map(|(row, s)| states.get(row).narrow(0, 0, s.len() as i64));
    Tensor::cat(&rows.collect::<Vec<_>>(), 0)
}

/// Some gradient of the hidden states.
fn dhidden(like: &Tensor) -> Tensor {
    let count = like.numel() as i64;
    let waves = Tensor::arange(count, (Kind::Float, tch::Device::Cpu)).sin();
    waves.view_as(like).to_kind(like.kind())
}

/// All parameters, those of the base made to collect gradients.
fn parameters(model: &CausalLm) -> Vec<(String, Tensor)> {
    let base = model.parameters().into_iter();
    let base = base.map(|(name, tensor)| (name, tensor.set_requires_grad(true)));
    base.chain(model.lora_parameters()).collect()
}

fn difference(a: &Tensor, b: &Tensor) -> f64 {
    let (a, b) = (a.to_kind(Kind::Double), b.to_kind(Kind::Double));
    let scale = f64::try_from(b.abs().max()).unwrap();
    f64::try_from((a - b).abs().max()).unwrap() / scale.max(1e-30)
}

fn gradients(model: &CausalLm, sequences: &[Vec<u32>], options: PassOptions) -> Gradients {
    let mut gradients = Gradients::new(&parameters(model));
    let batch = packed(sequences);
    let pass = model.training_pass(&batch, options);
    let dhidden = dhidden(pass.hidden());
    pass.backward(&dhidden, &mut gradients);
    gradients
}

#[test]
fn every_gradient_is_that_of_automatic_differentiation() {
    for shape in SHAPES {
        let mut model = model(shape, Precision::F32);
        all_linear(&mut model, 0.0);
        let parameters = parameters(&model);
        let expected = hidden(&model, &prompts());
        let found = model.packed_hidden_states(&packed(&prompts()));
        assert!(difference(&found, &expected) < 5e-6, "{shape}");
        (&expected * dhidden(&expected)).sum(Kind::Float).backward();
        let written = gradients(&model, &prompts(), KEEP);
        for ((name, parameter), gradient) in parameters.iter().zip(written.each()) {
            if name == "lm_head.weight" {
                continue; // No hidden state depends on it.
            }
            let difference = difference(gradient, &parameter.grad());
            assert!(difference < 3e-5, "{shape}, {name}: {difference:e}");
        }
    }
}

#[test]
fn recomputing_layers_gives_the_same_bits() {
    for (shape, dropout) in SHAPES.into_iter().flat_map(|shape| [(shape, 0.0), (shape, 0.3)]) {
        let mut model = model(shape, Precision::F32);
        all_linear(&mut model, dropout);
        let _alone = generator();
        let options = |recompute| PassOptions { recompute, dropout: Some(Seed(8)) };
        let long = (0..300).map(|i| i * i % 101).collect();
        for sequences in [prompts(), vec![long]] {
            let kept = gradients(&model, &sequences, options(Recompute::Nothing));
            let recomputed = gradients(&model, &sequences, options(Recompute::Layers));
            assert_eq!(kept.flat(), recomputed.flat(), "{shape}, dropout {dropout}");
            let other = PassOptions { recompute: Recompute::Layers, dropout: Some(Seed(9)) };
            let other = gradients(&model, &sequences, other);
            assert_eq!(other.flat() != kept.flat(), dropout > 0.0);
        }
    }
}

/// `count` hidden states of a model with 36 activations, and what is to be predicted from them.
fn predictions(count: i64) -> (Tensor, Tensor, Tensor) {
    let wave = |from: i64, size: i64| {
        Tensor::arange_start(from, from + size, (Kind::Float, tch::Device::Cpu)).sin()
    };
    let targets = Tensor::arange(count, (Kind::Int64, tch::Device::Cpu)).remainder(101);
    (wave(0, count * 36).view([count, 36]), targets, wave(7, count))
}

#[test]
fn losses_in_chunks_are_those_of_all_logits_at_once() {
    // Plain logits, capped ones, divided ones.
    for shape in [SHAPES[1], SHAPES[4], SHAPES[5]] {
        let model = model(shape, Precision::F32);
        // Three chunks, the last of them smaller.
        let (hidden, targets, coefficients) = predictions(300);
        let reference = &hidden.flip([0]);
        let parameters = model.parameters();
        let (_, head) = parameters.iter().find(|(name, _)| name == "lm_head.weight").unwrap();
        let [wide, wide_head] =
            [&hidden, head].map(|t| t.to_kind(Kind::Double).set_requires_grad(true));
        let scales = model.config().scales;
        let log_softmax = |hidden: &Tensor| {
            let logits = hidden.matmul(&wide_head.tr()) / scales.logits;
            let capped = scales.logit_cap.map(|cap| (&logits / cap).tanh() * cap);
            capped.unwrap_or(logits).log_softmax(-1, None)
        };
        let log_p = || log_softmax(&wide);
        let log_q = tch::no_grad(|| log_softmax(&reference.to_kind(Kind::Double)));
        let sum = |t: Tensor| t.sum_dim_intlist(-1, false, None);
        let cases = [
            (
                VocabularyLoss::CrossEntropy { targets: &targets },
                -log_p().gather(1, &targets.unsqueeze(1), false).squeeze_dim(1),
            ),
            (VocabularyLoss::ForwardKl { reference }, sum(log_q.exp() * (&log_q - log_p()))),
            (VocabularyLoss::ReverseKl { reference }, sum(log_p().exp() * (log_p() - &log_q))),
        ];
        for (loss, expected) in cases {
            let total = (&expected * &coefficients).sum(Kind::Double);
            let expected_gradients =
                Tensor::run_backward(&[total], &[&wide, &wide_head], false, false);
            let mut gradients = Gradients::new(&parameters);
            let (losses, dhidden) =
                model.vocabulary_gradient(&hidden, loss, &coefficients, &mut gradients);
            let error = difference(&losses, &expected);
            // A divergence is a sum of terms of both signs, much smaller than they are.
            let cross_entropy = matches!(loss, VocabularyLoss::CrossEntropy { .. });
            assert!(
                error < if cross_entropy { 1e-6 } else { 1e-5 },
                "{shape}, {loss:?}: {error:e}"
            );
            assert_eq!(losses, model.vocabulary_losses(&hidden, loss));
            let error = difference(&dhidden, &expected_gradients[0]);
            assert!(error < 5e-6, "{shape}, {loss:?}: {error:e}");
            let (_, dhead) = gradients.named().find(|(name, _)| *name == "lm_head.weight").unwrap();
            let error = difference(dhead, &expected_gradients[1]);
            let tolerance = if cross_entropy { 5e-6 } else { 1e-5 };
            assert!(error < tolerance, "{shape}, {loss:?}: {error:e}");
        }
    }
}

#[test]
fn packed_sequences_do_not_see_each_other() {
    let mut model = model(SHAPES[0], Precision::F32);
    all_linear(&mut model, 0.0);
    let prompts = prompts();
    let together = model.packed_hidden_states(&packed(&prompts));
    let alone: Vec<Tensor> = prompts
        .iter()
        .map(|prompt| model.packed_hidden_states(&packed(std::slice::from_ref(prompt))))
        .collect();
    assert!(difference(&together, &Tensor::cat(&alone, 0)) < 5e-6);
}

#[test]
fn bf16_is_near_f32() {
    for shape in SHAPES {
        let mut wide = model(shape, Precision::F32);
        let mut narrow = model(shape, Precision::Bf16);
        for model in [&mut wide, &mut narrow] {
            all_linear(model, 0.0);
        }
        let (a, b) = (gradients(&narrow, &prompts(), KEEP), gradients(&wide, &prompts(), KEEP));
        let cosine = Tensor::cosine_similarity(&a.flat(), &b.flat(), 0, 1e-12);
        assert!(f64::try_from(cosine).unwrap() > 0.995, "{shape}");
    }
}

#[test]
fn what_is_not_listed_is_frozen_and_an_adapter_that_is_off_gets_nothing() {
    let mut model = model(SHAPES[0], Precision::F32);
    all_linear(&mut model, 0.0);
    let chosen: Vec<_> = model.lora_parameters().into_iter().take(3).collect();
    let mut some = Gradients::new(&chosen);
    let batch = packed(&prompts());
    let pass = model.training_pass(&batch, KEEP);
    let dhidden = dhidden(pass.hidden());
    pass.backward(&dhidden, &mut some);
    let all = gradients(&model, &prompts(), KEEP);
    for (name, gradient) in some.named() {
        let (_, expected) = all.named().find(|(other, _)| *other == name).unwrap();
        assert_eq!(gradient, expected, "{name}");
    }
    model.set_lora(LoraSwitch::Off);
    let mut none = Gradients::new(&model.lora_parameters());
    let pass = model.training_pass(&batch, KEEP);
    pass.backward(&dhidden, &mut none);
    assert_eq!(f64::try_from(none.flat().abs().max()).unwrap(), 0.0);
}

#[test]
fn predictions_are_those_of_the_whole_distribution() {
    for shape in SHAPES {
        let model = model(shape, Precision::F32);
        let hidden = hidden(&model, &prompts());
        let targets = Tensor::arange(hidden.size()[0], (Kind::Int64, tch::Device::Cpu));
        let (log_probabilities, entropies) = model.predictions(&hidden, &targets);
        let all = tch::no_grad(|| model.project(&hidden)).log_softmax(1, Kind::Double);
        let chosen = all.gather(1, &targets.unsqueeze(1), false).squeeze_dim(1);
        let entropy = -(all.exp() * &all).sum_dim_intlist(1, false, Kind::Double);
        let largest = |a: &Tensor, b: &Tensor| f64::try_from((a - b).abs().max()).unwrap();
        assert!(largest(&log_probabilities, &chosen) < 2e-6, "{shape}");
        assert!(largest(&entropies, &entropy) < 2e-6, "{shape}");
        let losses =
            model.vocabulary_losses(&hidden, VocabularyLoss::CrossEntropy { targets: &targets });
        assert!(largest(&log_probabilities, &-losses) < 1e-5, "{shape}");
    }
}
