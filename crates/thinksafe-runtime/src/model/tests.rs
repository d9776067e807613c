//! Invariants of whole models.

use tch::{Kind, Tensor};
use tempfile::TempDir;
use thinksafe_core::seed::Seed;
use thinksafe_kernels::Pool;

use crate::fixture::{Positions, SHAPES, Tables, model, prompts, stir_adapter};
use crate::{CausalLm, Device, LoraConfig, Mode, PaddedBatch, Placement, Precision, cpu};

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

/// The same model, loaded from files, and its folder.
fn reloaded(model: &CausalLm) -> (CausalLm, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    model.save(dir.path()).unwrap();
    (CausalLm::load(dir.path(), model.placement()).unwrap(), dir)
}

fn in_libtorch(model: &CausalLm) -> usize {
    model.weights().iter().filter(|(_, weight)| weight.in_file().is_none()).count()
}

/// What the CPU's decoder computes for the prompts.
fn decoded(model: &CausalLm) -> Positions {
    let mut backend = match model.placement().precision {
        Precision::Bf16 => cpu::bf16(model, &[]),
        _ => cpu::f32(model, &[]),
    };
    Tables::new().logits(&mut *backend, &Pool::new(1), &[0, 1, 2, 3], 16)
}

#[test]
fn decoding_loaded_weights_needs_none_in_libtorch_and_gives_the_same_bits() {
    for precision in [Precision::F32, Precision::Bf16, Precision::F16] {
        for shape in SHAPES {
            let random = model(shape, precision);
            let (mut loaded, _dir) = reloaded(&random);
            let logits = decoded(&loaded);
            assert_eq!(in_libtorch(&loaded), 0, "{shape}");
            assert!(logits == decoded(&random), "{shape}, {precision}: from the file");
            let _ = hidden(&loaded, &prompts(), 0);
            // A head of its own is for logits.
            let untied = usize::from(!loaded.config().tie_word_embeddings);
            assert_eq!(in_libtorch(&loaded), loaded.weights().len() - untied, "{shape}");
            assert!(logits == decoded(&loaded), "{shape}, {precision}: from libtorch");
            loaded.rehash();
            assert_eq!(loaded.weights_hash(), random.weights_hash());
        }
    }
}

#[test]
fn weights_changed_after_loading_are_the_ones_decoded_and_saved() {
    let (mut loaded, _dir) = reloaded(&model(SHAPES[0], Precision::F32));
    let before = decoded(&loaded);
    let (_, norm) = loaded.parameters().pop().unwrap();
    tch::no_grad(|| _ = norm.shallow_clone().g_mul_scalar_(1.5));
    loaded.rehash();
    let after = decoded(&loaded);
    assert!(after != before);
    let (again, _dir) = reloaded(&loaded);
    assert_eq!(again.weights_hash(), loaded.weights_hash());
    assert!(decoded(&again) == after);
}

#[test]
fn an_adapter_and_saving_leave_the_base_in_its_files() {
    let mut random = model(SHAPES[1], Precision::F32);
    let (mut loaded, dir) = reloaded(&random);
    let config = LoraConfig { rank: 3, alpha: 7.0, ..LoraConfig::default() };
    for model in [&mut random, &mut loaded] {
        model.attach_lora(config.clone(), Seed(5)).unwrap();
        stir_adapter(model);
    }
    assert_eq!(loaded.adapter_hash(), random.adapter_hash());
    assert!(decoded(&loaded) == decoded(&random));
    loaded.save_lora(dir.path()).unwrap();
    loaded.detach_lora();
    loaded.load_lora(dir.path()).unwrap();
    assert!(decoded(&loaded) == decoded(&random));
    assert_eq!(in_libtorch(&loaded), 0);

    // Only what the adapter adds to.
    loaded.merge_lora().unwrap();
    random.merge_lora().unwrap();
    assert_eq!(in_libtorch(&loaded), 2 * 3);
    assert_eq!(loaded.weights_hash(), random.weights_hash());
    // Over its own files, too.
    loaded.save(dir.path()).unwrap();
    assert_eq!(in_libtorch(&loaded), 2 * 3);
    assert!(decoded(&loaded) == decoded(&random));
    let again = CausalLm::load(dir.path(), Placement::CPU_F32).unwrap();
    assert_eq!(again.weights_hash(), loaded.weights_hash());
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
