//! Adapters: attached, saved, loaded, switched, merged.

use std::fs;
use std::sync::Mutex;

use serde_json::{Value, json};
use tch::Kind;
use tempfile::TempDir;

use super::*;
use crate::fixture::{SHAPES, model, prompts, stir_adapter};
use crate::{Device, Mode, PaddedBatch, Targets};

fn config() -> LoraConfig {
    LoraConfig { rank: 4, alpha: 6.0, rslora: false, dropout: 0.5, targets: Targets::all_linear() }
}

/// A model with an adapter that changes its results.
fn adapted(precision: Precision) -> CausalLm {
    let mut model = model(SHAPES[2], precision);
    model.attach_lora(config(), Seed(1)).unwrap();
    stir_adapter(&model);
    model
}

fn hidden(model: &CausalLm, mode: Mode) -> Tensor {
    let batch = PaddedBatch::new(&prompts(), 0, Device::CPU).unwrap();
    tch::no_grad(|| model.hidden_states(&batch, mode))
}

fn difference(a: &Tensor, b: &Tensor) -> f64 {
    f64::try_from((a - b).abs().max().to_kind(Kind::Double)).unwrap()
}

#[test]
fn a_fresh_adapter_changes_nothing_and_follows_its_seed() {
    let mut model = model(SHAPES[0], Precision::F32);
    let base = hidden(&model, Mode::Evaluate);
    model.attach_lora(config(), Seed(1)).unwrap();
    assert_eq!(hidden(&model, Mode::Evaluate), base);
    let first = model.adapter_hash().unwrap();
    for (name, tensor) in model.lora_parameters() {
        assert!(tensor.requires_grad() && tensor.kind() == Kind::Float, "{name}");
        let largest = f64::try_from(tensor.abs().max()).unwrap();
        // Kaiming's bound for a = sqrt 5: 1 / sqrt(in); nearly reached by a hundred draws.
        let bound =
            if name.contains("lora_A") { (tensor.size()[1] as f64).powf(-0.5) } else { 0.0 };
        assert!(largest <= bound && largest >= 0.9 * bound, "{name}: {largest}");
    }
    for (seed, same) in [(1, true), (2, false)] {
        model.detach_lora();
        model.attach_lora(config(), Seed(seed)).unwrap();
        assert_eq!(model.adapter_hash().unwrap() == first, same);
    }
}

#[test]
fn the_delta_is_scaled_b_a_x() {
    let model = adapted(Precision::F32);
    let (_, linear) = model.decoder.linears().next().unwrap();
    let adapter = linear.adapter.as_ref().unwrap();
    let [(_, a), (_, b)] = adapter.matrices();
    let x = Tensor::arange(36, tch::kind::FLOAT_CPU).sin().view([1, 1, 36]);
    let zero = Tensor::zeros([1, 1, 48 * 2], tch::kind::FLOAT_CPU);
    let by_hand = b.matmul(&a.matmul(&x.view([36, 1]))).view([1, 1, -1]) * 1.5;
    assert!(difference(&adapter.add_to(&zero, &x, false), &by_hand) < 1e-5);
}

#[test]
fn switched_off_it_is_the_base_model() {
    let mut model = adapted(Precision::F32);
    let with = hidden(&model, Mode::Evaluate);
    model.set_lora(LoraSwitch::Off);
    let without = hidden(&model, Mode::Evaluate);
    assert!(difference(&with, &without) > 0.1);
    assert_eq!(model.adapter_hash(), None);
    model.set_lora(LoraSwitch::On);
    assert_eq!(hidden(&model, Mode::Evaluate), with);
    model.detach_lora();
    assert_eq!(hidden(&model, Mode::Evaluate), without);
    assert!(model.lora_parameters().is_empty() && model.lora_config().is_none());
}

#[test]
fn merging_gives_the_same_model_without_an_adapter() {
    let mut model = adapted(Precision::F32);
    let with = hidden(&model, Mode::Evaluate);
    let hash = model.weights_hash().clone();
    model.merge_lora().unwrap();
    assert!(difference(&hidden(&model, Mode::Evaluate), &with) < 1e-4);
    assert_ne!(*model.weights_hash(), hash);
    assert!(model.lora_parameters().is_empty());
    model.save(tempfile::tempdir().unwrap().path()).unwrap();
}

/// Held while dropout is drawn: a process has one generator of libtorch's.
static GENERATOR: Mutex<()> = Mutex::new(());

#[test]
fn dropout_is_drawn_in_training_only() {
    let _guard = GENERATOR.lock();
    let model = adapted(Precision::F32);
    let trained = |seed| {
        tch::manual_seed(seed);
        hidden(&model, Mode::Train)
    };
    assert_eq!(trained(1), trained(1));
    assert!(difference(&trained(1), &trained(2)) > 1e-3);
    assert_eq!(hidden(&model, Mode::Evaluate), hidden(&model, Mode::Evaluate));
}

#[test]
fn gradients_reach_the_adapter_and_not_the_base() {
    let _guard = GENERATOR.lock();
    for precision in [Precision::F32, Precision::Bf16] {
        let model = adapted(precision);
        let batch = PaddedBatch::new(&prompts(), 0, Device::CPU).unwrap();
        model
            .hidden_states(&batch, Mode::Train)
            .to_kind(Kind::Float)
            .logsumexp(&[-1i64][..], false)
            .sum(Kind::Float)
            .backward();
        for (name, tensor) in model.lora_parameters() {
            assert!(
                tensor.grad().defined() && f64::try_from(tensor.grad().abs().max()).unwrap() > 0.0,
                "{name}"
            );
        }
        assert!(model.parameters().iter().all(|(_, tensor)| !tensor.grad().defined()));
    }
}

#[test]
fn an_adapter_reads_back_to_the_bit_and_keeps_its_f32_over_bf16() {
    let written = adapted(Precision::Bf16);
    let dir = tempfile::tempdir().unwrap();
    written.save_lora(dir.path()).unwrap();
    let mut read = model(SHAPES[2], Precision::Bf16);
    read.load_lora(dir.path()).unwrap();
    assert_eq!(read.adapter_hash(), written.adapter_hash());
    assert_eq!(hidden(&read, Mode::Evaluate), hidden(&written, Mode::Evaluate));
    assert!(
        read.lora_parameters().iter().all(|(_, t)| t.kind() == Kind::Float && t.requires_grad())
    );
    let sorted = ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"];
    let sorted = LoraConfig { targets: Targets::names(sorted), ..config() };
    assert_eq!(read.lora_config(), Some(&sorted));
}

#[test]
fn an_adapter_is_needed_or_must_not_be_there() {
    let mut model = model(SHAPES[0], Precision::F32);
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(model.merge_lora(), Err(Error::Adapter { .. })));
    assert!(matches!(model.save_lora(dir.path()), Err(Error::Adapter { .. })));
    model.attach_lora(config(), Seed(1)).unwrap();
    assert!(matches!(model.attach_lora(config(), Seed(1)), Err(Error::Adapter { .. })));
    assert!(matches!(model.load_lora(dir.path()), Err(Error::Adapter { .. })));
    assert!(matches!(model.save(dir.path()), Err(Error::Adapter { .. })));
}

#[test]
fn settings_out_of_range_are_refused_by_name() {
    let cases = [
        ("rank", LoraConfig { rank: 0, ..config() }),
        ("alpha", LoraConfig { alpha: 0.0, ..config() }),
        ("alpha", LoraConfig { alpha: f64::NAN, ..config() }),
        ("dropout", LoraConfig { dropout: 1.0, ..config() }),
        ("targets", LoraConfig { targets: Targets::names([""; 0]), ..config() }),
        ("targets", LoraConfig { targets: Targets::names(["q_proj", "lm_head"]), ..config() }),
        ("targets.layers", LoraConfig { targets: within(all(), &[]), ..config() }),
        ("targets.layers", LoraConfig { targets: within(all(), &[0, 9]), ..config() }),
        ("targets.layers", LoraConfig { targets: within(pattern(".*_proj"), &[0]), ..config() }),
    ];
    for (field, config) in cases {
        let mut model = model(SHAPES[0], Precision::F32);
        let error = model.attach_lora(config, Seed(1)).unwrap_err();
        assert!(matches!(&error, Error::AdapterConfig { field: f, .. } if f == field), "{error}");
        assert!(model.lora_config().is_none());
    }
}

fn all() -> Targets {
    Targets::all_linear()
}

fn pattern(text: &str) -> Targets {
    Targets::pattern(text).unwrap()
}

fn within(targets: Targets, layers: &[usize]) -> Targets {
    Targets { layers: Some(layers.to_vec()), ..targets }
}

#[test]
fn a_choice_of_projections_reads_back() {
    let exclude = |text| Some(pattern(text).modules);
    let choices = [
        (pattern(r"model\.layers\.0\.mlp\.(up|gate)_proj"), 2),
        (within(all(), &[1]), 7),
        (Targets { exclude: exclude(".*mlp.*"), ..within(all(), &[0, 1]) }, 8),
        (Targets { exclude: Some(Targets::names(["1.self_attn.q_proj"]).modules), ..all() }, 20),
    ];
    for (targets, count) in choices {
        let mut written = model(SHAPES[2], Precision::F32);
        written.attach_lora(LoraConfig { targets, ..config() }, Seed(1)).unwrap();
        stir_adapter(&written);
        assert_eq!(written.lora_parameters().len(), 2 * count);
        let dir = tempfile::tempdir().unwrap();
        written.save_lora(dir.path()).unwrap();
        let mut read = model(SHAPES[2], Precision::F32);
        read.load_lora(dir.path()).unwrap();
        assert_eq!(read.adapter_hash(), written.adapter_hash());
        assert_eq!(hidden(&read, Mode::Evaluate), hidden(&written, Mode::Evaluate));
    }
}

#[test]
fn a_rank_stabilised_adapter_is_scaled_by_the_root_and_another() {
    let with = |rslora, alpha| {
        let mut model = model(SHAPES[2], Precision::F32);
        model.attach_lora(LoraConfig { alpha, rslora, ..config() }, Seed(1)).unwrap();
        stir_adapter(&model);
        let dir = tempfile::tempdir().unwrap();
        model.save_lora(dir.path()).unwrap();
        model.detach_lora();
        model.load_lora(dir.path()).unwrap();
        (hidden(&model, Mode::Evaluate), model.adapter_hash().unwrap())
    };
    // Rank 4: alpha / 2 in place of alpha / 4.
    let (stabilised, plain, doubled) = (with(true, 6.0), with(false, 6.0), with(false, 12.0));
    assert_eq!(stabilised.0, doubled.0);
    assert!(stabilised.1 != plain.1 && stabilised.1 != doubled.1);
}

/// What comes of loading an adapter whose configuration has been changed.
fn load_with(change: impl FnOnce(&mut Value)) -> Result<(), Error> {
    let dir = tempfile::tempdir().unwrap();
    adapted(Precision::F32).save_lora(dir.path()).unwrap();
    change_json(&dir, change);
    let mut model = model(SHAPES[2], Precision::F32);
    let outcome = model.load_lora(dir.path());
    assert_eq!(model.lora_config().is_some(), outcome.is_ok());
    outcome
}

fn change_json(dir: &TempDir, change: impl FnOnce(&mut Value)) {
    let path = dir.path().join("adapter_config.json");
    let mut json: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut json);
    fs::write(path, json.to_string()).unwrap();
}

#[test]
fn settings_of_peft_that_are_not_implemented_are_refused_by_name() {
    let cases = [
        ("peft_type", json!("IA3")),
        ("bias", json!("all")),
        ("use_dora", json!(true)),
        ("use_rslora", json!("yes")),
        ("fan_in_fan_out", json!(true)),
        ("rank_pattern", json!({"q_proj": 8})),
        ("alpha_pattern", json!({"q_proj": 8})),
        ("modules_to_save", json!(["lm_head"])),
        ("layers_to_transform", json!("0")),
        ("layers_pattern", json!("h")),
        ("something_of_the_future", json!({"on": true})),
        ("target_modules", json!({"q_proj": 1})),
        ("target_modules", json!("*_proj")),
        ("exclude_modules", json!([1])),
        ("r", json!(-1)),
        ("lora_alpha", Value::Null),
    ];
    for (field, value) in cases {
        let error = load_with(|json| json[field] = value).unwrap_err();
        assert!(matches!(&error, Error::AdapterConfig { field: f, .. } if f == field), "{error}");
        assert!(error.to_string().contains("adapter_config.json"), "{error}");
    }
    load_with(|json| json["something_of_the_future"] = json!(false)).unwrap();
}

#[test]
fn an_adapter_that_does_not_fit_is_refused_by_tensor() {
    let error = load_with(|json| json["r"] = json!(8)).unwrap_err();
    assert!(matches!(&error, Error::Shape { found, .. } if found[0] == 4), "{error}");
    let error = load_with(|json| json["target_modules"] = json!(["q_proj"])).unwrap_err();
    assert!(matches!(error, Error::UnexpectedTensor { count: 36, .. }), "{error}");

    let dir = tempfile::tempdir().unwrap();
    adapted(Precision::F32).save_lora(dir.path()).unwrap();
    let error = model(SHAPES[0], Precision::F32).load_lora(dir.path()).unwrap_err();
    let Error::Shape { tensor, .. } = &error else { panic!("{error}") };
    assert_eq!(tensor, "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight");
}
