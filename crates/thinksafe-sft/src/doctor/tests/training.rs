//! Trainers with planted bugs, and real ones on broken models and settings.

use thinksafe_runtime::{CausalLm, Pattern, Precision};

use super::faulty::{Bug, Faulty};
use super::{assert_failed, assert_passed, model};
use crate::doctor::bench::Bench;
use crate::doctor::{
    Check, Exam, Finding, Outcome, TRAINING_CHECKS, examine_training, training_finding, windows,
};
use crate::{Example, Objective, SftConfig, Trainable};

const VOCABULARY: usize = 40;

/// Examples of unequal lengths, a third of each being prompt.
fn examples() -> Vec<Example> {
    let example = |(index, length): (usize, u32)| {
        let ids = (0..length).map(|t| (t * t * 7 + 3 * t + index as u32 * 11) % 40).collect();
        let supervised: Vec<bool> = (0..length).map(|t| t > length / 3).collect();
        Example::from_mask(format!("e{index}"), ids, &supervised)
    };
    [12, 30, 9, 41, 17, 25].into_iter().enumerate().map(example).collect()
}

fn findings(model: &mut CausalLm, config: &SftConfig) -> Vec<Finding> {
    let scratch = tempfile::tempdir().unwrap();
    examine_training(model, &examples(), config, scratch.path()).unwrap().findings
}

/// What a check finds in a trainer with a bug.
fn finding_with(bug: Bug, check: Check) -> Finding {
    let (mut model, config) = (model(VOCABULARY, Precision::F32), super::config());
    let scratch = tempfile::tempdir().unwrap();
    let inner = Bench::new(&mut model, &config, scratch.path());
    let mut subject = Faulty { inner, bug, adapters: 0 };
    let examples = windows::of(&examples(), VOCABULARY);
    let exam = Exam { examples: &examples, config: &config, vocabulary: VOCABULARY };
    let (_, run) = TRAINING_CHECKS.iter().find(|(name, _)| *name == check).unwrap();
    training_finding(check, *run, &mut subject, &exam).unwrap()
}

#[test]
fn the_trainer_is_healthy_in_every_precision_and_with_all_weights() {
    let all = SftConfig { trainable: Trainable::All, ..super::config() };
    let frozen = vec![Pattern::new(r".*\.layers\.0\..*").unwrap()];
    let half = SftConfig { frozen, ..super::config() };
    let cases = [
        (Precision::F32, half, 0),
        (Precision::F32, super::config(), 0),
        (Precision::Bf16, super::config(), 0),
        (Precision::F32, all, 3),
    ];
    for (precision, config, skipped) in cases {
        let findings = findings(&mut model(VOCABULARY, precision), &config);
        let not_passed: Vec<&Finding> =
            findings.iter().filter(|f| !matches!(f.outcome, Outcome::Passed { .. })).collect();
        assert_eq!(not_passed.len(), skipped, "{precision:?}: {not_passed:?}");
    }
}

#[test]
fn every_planted_bug_is_found_by_its_check() {
    let cases: [(Bug, Check, &[&str]); 16] = [
        (
            Bug::AveragesMicroBatches,
            Check::AccumulationInvariant,
            &["6 examples in micro-batches of", "%"],
        ),
        (Bug::AveragesMicroBatches, Check::KlAccumulation, &["from those of all at once"]),
        (
            Bug::DividesByTheWindow,
            Check::PartialWindow,
            &["3 micro-batches in a window of 4 differ by 25 %"],
        ),
        (Bug::AveragesExamples, Check::ShardsSum, &["the loss is no mean over it"]),
        (Bug::AveragesExamples, Check::LossMatchesFormula, &["plain formula"]),
        (Bug::PacksWithoutBorders, Check::PackedEqualsAlone, &["they see each other"]),
        (Bug::PacksWithoutBorders, Check::NeighboursIsolated, &["attention crosses the border"]),
        (Bug::LabelsAreInputs, Check::MaskedLabelsInert, &["the mask is lost"]),
        (Bug::IgnoresWeights, Check::LossMatchesFormula, &["with weighted tokens"]),
        (Bug::RoundsGradients, Check::LossMatchesFormula, &["0.1"]),
        (
            Bug::CutsTheGraph,
            Check::AdapterLearns,
            &["2 of 4 lora_B matrices get no gradient", "layers.0."],
        ),
        (Bug::CutsTheGraph, Check::RecomputationInert, &["with activation checkpointing"]),
        (Bug::IgnoresTheSeed, Check::AdapterFollowsSeed, &["cannot be repeated"]),
        (Bug::HasOneSeed, Check::AdapterFollowsSeed, &["seeds 42 and 43 are equal"]),
        (Bug::ForgetsTheOptimizer, Check::ResumeExact, &["begin anew"]),
        (Bug::LosesTheLabels, Check::LossIsSane, &["no token counts"]),
    ];
    for (bug, check, sentence) in cases {
        assert_failed(&[finding_with(bug, check)], check, sentence);
    }
}

#[test]
fn the_reference_codes_kl_is_found_to_depend_on_accumulation() {
    let kl = SftConfig { objective: Objective::reference_kl(0), ..super::config() };
    let mut labelled = examples();
    for (index, example) in labelled.iter_mut().enumerate() {
        use thinksafe_core::prompt::PromptLabel::{VanillaBenign, VanillaHarmful};
        example.label = Some(if index % 2 == 0 { VanillaBenign } else { VanillaHarmful });
    }
    let scratch = tempfile::tempdir().unwrap();
    let mut model = model(VOCABULARY, Precision::F32);
    let report = examine_training(&mut model, &labelled, &kl, scratch.path()).unwrap();
    assert_failed(
        &report.findings,
        Check::KlAccumulation,
        &["6 examples in micro-batches of 1 differ by"],
    );
    assert_failed(&report.findings, Check::AccumulationInvariant, &["differ by"]);
}

#[test]
fn weights_that_do_not_belong_to_the_data_are_found() {
    let mut wild = model(VOCABULARY, Precision::F32);
    for (name, mut tensor) in wild.parameters() {
        if name.contains("norm") {
            let _ = tch::no_grad(|| tensor.g_mul_scalar_(30.0));
        }
    }
    assert_failed(
        &findings(&mut wild, &super::config()),
        Check::LossIsSane,
        &["guessing gives 3.7"],
    );
    let mut broken = model(VOCABULARY, Precision::F32);
    let _ = tch::no_grad(|| broken.parameters().swap_remove(0).1.fill_(f64::NAN));
    let findings = findings(&mut broken, &super::config());
    assert_failed(&findings, Check::LossIsSane, &["training refuses: the loss of step 1 is NaN"]);
    assert_passed(&findings, Check::AdapterFollowsSeed);
}

#[test]
fn without_usable_examples_nothing_is_claimed() {
    let foreign = [Example::from_mask("far", vec![1, 99], &[false, true])];
    let mut model = model(VOCABULARY, Precision::F32);
    let scratch = tempfile::tempdir().unwrap();
    let report = examine_training(&mut model, &foreign, &super::config(), scratch.path()).unwrap();
    let (fit, rest) = report.findings.split_first().unwrap();
    assert_failed(std::slice::from_ref(fit), Check::ExamplesFit, &["`far`: token 99", "1 of 1"]);
    assert!(rest.iter().all(|f| matches!(f.outcome, Outcome::Skipped { .. })), "{report}");
}
