//! Weights that stay in their files against the same weights in libtorch.

use tch::Tensor;

use super::{KEEP, all_linear, dhidden, difference, packed};
use crate::fixture::{SHAPES, model, prompts};
use crate::fused::has_products;
use crate::model::weight::Weight;
use crate::{CausalLm, Device, Gradients, Placement, Precision, VocabularyLoss};

/// The losses, and the gradients of the adapter from them and from some gradient of the hidden states.
fn losses_and_gradients(model: &CausalLm) -> (Tensor, Gradients) {
    let mut gradients = Gradients::new(&model.lora_parameters());
    let batch = packed(&prompts());
    let pass = model.training_pass(&batch, KEEP);
    let count = batch.tokens() as i64;
    let targets = Tensor::arange(count, (tch::Kind::Int64, tch::Device::Cpu)).remainder(101);
    let coefficients = Tensor::ones([count], (tch::Kind::Float, tch::Device::Cpu));
    let loss = VocabularyLoss::CrossEntropy { targets: &targets };
    let (losses, gradient) =
        model.vocabulary_gradient(pass.hidden(), loss, &coefficients, &mut gradients);
    let dhidden = dhidden(pass.hidden()) + gradient;
    pass.backward(&dhidden, &mut gradients);
    (losses, gradients)
}

#[test]
fn frozen_weights_give_the_losses_and_gradients_of_those_in_libtorch() {
    for shape in SHAPES {
        let dir = tempfile::tempdir().unwrap();
        model(shape, Precision::Bf16).save(dir.path()).unwrap();
        let placement = Placement { device: Device::CPU, precision: Precision::F32 };
        let load = || {
            let mut model = CausalLm::load(dir.path(), placement).unwrap();
            all_linear(&mut model, 0.0);
            model
        };
        let (frozen, placed) = (load(), load());
        drop(placed.parameters());
        let (losses, gradients) = losses_and_gradients(&frozen);
        let (expected_losses, expected) = losses_and_gradients(&placed);
        assert!(difference(&losses, &expected_losses) < 2e-6, "{shape}");
        for ((name, gradient), expected) in gradients.named().zip(expected.each()) {
            let difference = difference(gradient, expected);
            assert!(difference < 3e-5, "{shape}, {name}: {difference:e}");
        }
        let stays = |model: &CausalLm| {
            let matrices =
                model.weights().into_iter().filter(|(_, weight)| weight.shape().len() == 2);
            matrices.filter(|(_, weight)| weight.in_libtorch().is_none()).count()
        };
        let all = frozen.weights().iter().filter(|(_, weight)| weight.shape().len() == 2).count();
        let expected = if has_products() { all } else { 0 };
        assert_eq!((stays(&frozen), stays(&placed)), (expected, 0), "{shape}");
    }
}

#[test]
fn a_prepared_model_has_its_weights_out_of_their_files_and_gives_the_same_bits() {
    for (stored, precision) in [
        (Precision::Bf16, Precision::F32),
        (Precision::F32, Precision::F32),
        (Precision::Bf16, Precision::Bf16),
    ] {
        let dir = tempfile::tempdir().unwrap();
        model(SHAPES[0], stored).save(dir.path()).unwrap();
        let load = || {
            let mut model =
                CausalLm::load(dir.path(), Placement { device: Device::CPU, precision }).unwrap();
            all_linear(&mut model, 0.0);
            model
        };
        let (prepared, other) = (load(), load());
        prepared.prepare_training().unwrap();
        let frozen = |weight: &Weight| weight.in_libtorch().is_none() && weight.frozen().is_some();
        let out = |weight: &Weight| weight.in_libtorch().is_some() || frozen(weight);
        assert!(prepared.weights().iter().all(|(_, weight)| out(weight)));
        let few = stored == Precision::Bf16 && precision == Precision::F32 && has_products();
        assert_eq!(prepared.weights().iter().any(|(_, weight)| frozen(weight)), few);
        let [prepared, other] = [prepared, other].map(|model| losses_and_gradients(&model));
        assert_eq!(prepared.0, other.0);
        assert_eq!(prepared.1.flat(), other.1.flat());
    }
}
