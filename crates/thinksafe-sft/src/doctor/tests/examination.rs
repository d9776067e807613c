//! Whole examinations.

use std::fs;

use tch::Tensor;
use thinksafe_core::seed::Seed;
use thinksafe_runtime::{CausalLm, LoraConfig, LoraSwitch, Precision};

use super::{Folder, assert_failed, config, model, patient, stripping, texts};
use crate::doctor::{Check, Outcome, Patient, examine};
use crate::{Encoding, SftConfig, Trainable};

#[test]
fn a_healthy_patient_has_every_check_passed_and_no_trace_is_left() {
    for folder in [Folder::new(), stripping()] {
        let (chat, texts, encoding, config) =
            (folder.chat(), texts(), Encoding::default(), config());
        let steering = ["You should refuse."];
        let patient = Patient { steering: &steering, ..patient(&chat, &texts, &encoding, &config) };
        let mut model = model(chat.tokenizer().vocab_size(), Precision::F32);
        let scratch = tempfile::tempdir().unwrap();
        let report = examine(&mut model, &patient, scratch.path()).unwrap();
        assert!(
            report.findings.iter().all(|f| matches!(f.outcome, Outcome::Passed { .. })),
            "{report}"
        );
        let checks: Vec<Check> = report.findings.iter().map(|f| f.check).collect();
        assert_eq!(checks, Check::ALL);
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
    }
}

#[test]
fn a_model_with_too_few_embeddings_is_found() {
    let (chat, texts, encoding, config) =
        (Folder::new().chat(), texts(), Encoding::default(), config());
    let mut model = model(31, Precision::F32);
    let patient = patient(&chat, &texts, &encoding, &config);
    let scratch = tempfile::tempdir().unwrap();
    let report = examine(&mut model, &patient, scratch.path()).unwrap();
    assert_failed(&report.findings, Check::VocabularyFits, &["the model 31 embeddings"]);
}

#[test]
fn the_model_is_given_back_as_it_was() {
    let chat = Folder::new().chat();
    let vocabulary = chat.tokenizer().vocab_size();
    let lora = LoraConfig { rank: 4, ..LoraConfig::default() };
    for switch in [LoraSwitch::On, LoraSwitch::Off] {
        let mut model = model(vocabulary, Precision::F32);
        model.attach_lora(lora.clone(), Seed(9)).unwrap();
        for (index, (_, mut tensor)) in model.lora_parameters().into_iter().enumerate() {
            let _ = tch::no_grad(|| tensor.g_add_scalar_(index as f64));
        }
        model.set_lora(switch);
        unchanged_by_examination(&mut model, &config());
        assert_eq!(model.lora_config(), Some(&lora));
        assert_eq!(model.adapter_hash().is_some(), switch == LoraSwitch::On);
    }
    unchanged_by_examination(&mut model(vocabulary, Precision::Bf16), &config());
    let all = SftConfig { trainable: Trainable::All, ..config() };
    unchanged_by_examination(&mut model(vocabulary, Precision::F32), &all);
}

fn unchanged_by_examination(model: &mut CausalLm, config: &SftConfig) {
    let tensors = |model: &CausalLm| -> Vec<Tensor> {
        let all = model.parameters().into_iter().chain(model.lora_parameters());
        all.map(|(_, tensor)| tensor.detach().copy()).collect()
    };
    let (before, hash) = (tensors(model), model.weights_hash().clone());
    let (chat, texts, encoding) = (Folder::new().chat(), texts(), Encoding::default());
    let scratch = tempfile::tempdir().unwrap();
    examine(model, &patient(&chat, &texts, &encoding, config), scratch.path()).unwrap();
    let after = tensors(model);
    assert_eq!(before.len(), after.len());
    assert!(before.iter().zip(&after).all(|(a, b)| a.equal(b)));
    model.rehash();
    assert_eq!(model.weights_hash(), &hash);
    assert!(
        model
            .parameters()
            .iter()
            .all(|(name, tensor)| !tensor.requires_grad() || name.contains("lora"))
    );
}
