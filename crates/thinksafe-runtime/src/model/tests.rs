//! Invariants of whole models.

use tch::{Kind, Tensor};
use thinksafe_core::seed::Seed;

use crate::fixture::{SHAPES, model, prompts};
use crate::{CausalLm, Device, Mode, PaddedBatch, Placement, Precision};

fn largest(difference: &Tensor) -> f64 {
    f64::try_from(difference.abs().max().to_kind(Kind::Double)).unwrap()
}

fn hidden(model: &CausalLm, sequences: &[Vec<u32>], pad: u32) -> Tensor {
    let batch = PaddedBatch::new(sequences, pad, Device::CPU).unwrap();
    tch::no_grad(|| model.hidden_states(&batch, Mode::Evaluate))
}

#[test]
fn a_batch_pads_on_the_right() {
    let batch = PaddedBatch::new(&[vec![1, 2, 3], vec![], vec![4]], 9, Device::CPU).unwrap();
    assert_eq!(batch.lengths, [3, 0, 1]);
    let ids = Vec::<i64>::try_from(batch.ids.view(-1)).unwrap();
    assert_eq!(ids, [1, 2, 3, 9, 9, 9, 4, 9, 9]);
    assert_eq!(PaddedBatch::new(&[], 0, Device::CPU).unwrap().ids.size(), [0, 1]);
}

#[test]
fn neighbours_and_padding_change_nothing() {
    for shape in SHAPES {
        let model = model(shape, Precision::F32);
        let together = hidden(&model, &prompts(), 0);
        let other_pad = hidden(&model, &prompts(), 77);
        for (row, prompt) in (0..).zip(prompts()) {
            let length = prompt.len() as i64;
            let alone = hidden(&model, &[prompt], 0).get(0);
            for batch in [&together, &other_pad] {
                let difference = largest(&(batch.get(row).narrow(0, 0, length) - &alone));
                assert!(difference < 2e-5, "{shape}, row {row}: {difference:e}");
            }
        }
        assert_eq!(i64::try_from(together.isfinite().all()).unwrap(), 1);
    }
}

#[test]
fn a_token_sees_only_what_its_window_holds() {
    // Mistral's fixture: 3 layers with a window of 5 reach 3 * 4 positions back.
    let model = model(SHAPES[3], Precision::F32);
    let mut prompt = vec![5; 20];
    let before = hidden(&model, &[prompt.clone()], 0).get(0);
    prompt[2] = 6;
    let after = hidden(&model, &[prompt], 0).get(0);
    let changed = |position: i64| largest(&(after.get(position) - before.get(position))) > 1e-6;
    let expected: Vec<bool> = (0..20).map(|position| (2..=14).contains(&position)).collect();
    assert_eq!((0..20).map(changed).collect::<Vec<_>>(), expected);
}

#[test]
fn all_hidden_states_begin_with_the_embedding_and_end_with_the_norm() {
    let model = model(SHAPES[0], Precision::F32);
    let batch = PaddedBatch::new(&prompts(), 0, Device::CPU).unwrap();
    let states = model.all_hidden_states(&batch);
    assert_eq!(states.len(), 4);
    let parameters = model.parameters();
    let (_, embedding) =
        parameters.iter().find(|(name, _)| name == "model.embed_tokens.weight").unwrap();
    let embedded = Tensor::embedding(embedding, &batch.ids, -1, false, false);
    assert_eq!(states[0], embedded);
    assert_eq!(states[3], hidden(&model, &prompts(), 0));
}

#[test]
fn saving_and_loading_keeps_every_bit() {
    for precision in [Precision::F32, Precision::Bf16, Precision::F16] {
        for shape in SHAPES {
            let model = model(shape, precision);
            let dir = tempfile::tempdir().unwrap();
            model.save(dir.path()).unwrap();
            let placement = Placement { precision, ..Placement::CPU_F32 };
            let loaded = CausalLm::load(dir.path(), placement).unwrap();
            assert_eq!(loaded.weights_hash(), model.weights_hash());
            assert_eq!(hidden(&loaded, &prompts(), 0), hidden(&model, &prompts(), 0), "{shape}");
            let names = |model: &CausalLm| -> Vec<String> {
                model.parameters().into_iter().map(|(name, _)| name).collect()
            };
            assert_eq!(names(&loaded), names(&model));
            let expected = precision.torch_name();
            assert_eq!(loaded.config().json()["dtype"], expected);
        }
    }
}

#[test]
fn the_weights_hash_tells_weights_precision_and_configuration_apart() {
    let base = model(SHAPES[0], Precision::F32);
    assert_eq!(base.weights_hash(), model(SHAPES[0], Precision::F32).weights_hash());
    assert_ne!(base.weights_hash(), model(SHAPES[0], Precision::Bf16).weights_hash());
    let wider = SHAPES[0].replace("true", r#"true, "rms_norm_eps": 1e-5"#);
    assert_ne!(base.weights_hash(), model(&wider, Precision::F32).weights_hash());
    let other = CausalLm::random(base.config().clone(), Placement::CPU_F32, Seed(4)).unwrap();
    assert_ne!(base.weights_hash(), other.weights_hash());

    let mut changed = model(SHAPES[0], Precision::F32);
    let (_, mut tensor) = changed.parameters().remove(0);
    tch::no_grad(|| _ = tensor.g_add_scalar_(1.0));
    changed.rehash();
    assert_ne!(base.weights_hash(), changed.weights_hash());
}

#[test]
fn gradients_reach_every_base_weight() {
    for shape in SHAPES {
        let model = model(shape, Precision::F32);
        let parameters = model.parameters();
        for (_, tensor) in &parameters {
            let _ = tensor.set_requires_grad(true);
        }
        let batch = PaddedBatch::new(&prompts(), 0, Device::CPU).unwrap();
        let logits = model.project(&model.hidden_states(&batch, Mode::Train));
        logits.logsumexp(&[-1i64][..], false).sum(Kind::Float).backward();
        for (name, tensor) in &parameters {
            let gradient = tensor.grad();
            assert!(gradient.defined() && largest(&gradient) > 0.0, "{shape}: {name}");
        }
    }
}
