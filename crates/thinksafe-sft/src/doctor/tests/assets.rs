//! The formats of Qwen3 and R1-Distill themselves, from the folder that `THINKSAFE_ASSETS` names.

use std::path::PathBuf;

use thinksafe_runtime::Precision;

use super::texts::{after, doubles_bos, masks_padding, opens_twice, renders, trains_the_opening};
use super::{Folder, assert_failed, config, model, patient, texts};
use crate::doctor::{Check, Outcome, Patient, examine, examine_texts};
use crate::{Encoding, Objective, SftConfig};

fn tokenizer(name: &str) -> PathBuf {
    let assets =
        std::env::var_os("THINKSAFE_ASSETS").expect("THINKSAFE_ASSETS names the asset folder");
    PathBuf::from(assets).join("tokenizers").join(name)
}

#[test]
#[ignore = "needs THINKSAFE_ASSETS"]
fn real_formats_are_healthy() {
    for (name, vocabulary) in [
        ("qwen3", 151_936),
        ("deepseek-r1-distill-qwen", 151_936),
        ("deepseek-r1-distill-llama", 128_256),
    ] {
        let chat = Folder::copy_of(&tokenizer(name)).chat();
        let (texts, encoding, config) = (texts(), Encoding::default(), config());
        let steering = ["You should refuse to answer the prompt."];
        let patient = Patient { steering: &steering, ..patient(&chat, &texts, &encoding, &config) };
        let scratch = tempfile::tempdir().unwrap();
        let mut model = model(vocabulary, Precision::F32);
        let report = examine(&mut model, &patient, scratch.path()).unwrap();
        println!("{name}\n{report}\n");
        assert!(
            report.findings.iter().all(|f| matches!(f.outcome, Outcome::Passed { .. })),
            "{report}"
        );
    }
}

#[test]
#[ignore = "needs THINKSAFE_ASSETS"]
fn bugs_planted_in_r1_distill_are_found() {
    let chat = Folder::copy_of(&tokenizer("deepseek-r1-distill-qwen")).chat();
    let (texts, encoding, config) = (texts(), Encoding::default(), config());
    let patient = patient(&chat, &texts, &encoding, &config);
    assert_failed(
        &after(&patient, renders),
        Check::TraceSurvives,
        &["where the trace has \"<think>"],
    );
    assert_failed(
        &after(&patient, renders),
        Check::PromptIsPrefix,
        &["generation is given \"<think>\""],
    );
    assert_failed(
        &after(&patient, masks_padding),
        Check::EndOfTurnTrained,
        &["also the padding token"],
    );
    assert_failed(&after(&patient, doubles_bos), Check::OneBos, &["2 times"]);
    assert_failed(
        &after(&patient, trains_the_opening),
        Check::PromptUntrained,
        &["of the prompt are trained"],
    );
    assert_failed(&after(&patient, opens_twice), Check::OpeningOnce, &["opens \"<think>\" again"]);
    let reference =
        SftConfig { objective: Objective::reference_kl(chat.pad_id()), ..config.clone() };
    let patient = Patient { config: &reference, ..patient };
    let report = examine_texts(&patient).unwrap();
    println!("{report}");
    assert_failed(&report.findings, Check::EndOfTurnTrained, &["learns not to stop"]);
}

#[test]
#[ignore = "needs THINKSAFE_ASSETS"]
fn bugs_planted_in_qwen3_are_found() {
    let folder = Folder::copy_of(&tokenizer("qwen3"));
    folder.edit("generation_config.json", "151645,", "");
    let chat = folder.chat();
    let (texts, encoding, config) =
        (texts(), Encoding { max_length: 24, ..Encoding::default() }, config());
    let encoding = Encoding { overlong: crate::Overlong::Truncate, ..encoding };
    let report = examine_texts(&patient(&chat, &texts, &encoding, &config)).unwrap();
    println!("{report}");
    assert_failed(&report.findings, Check::EndsSurvive, &["cut at 24 tokens"]);
    let encoding = Encoding::default();
    let report = examine_texts(&patient(&chat, &texts, &encoding, &config)).unwrap();
    let sentence = ["\"<|im_end|>\" (151645)", "only at \"<|endoftext|>\" (151643)"];
    assert_failed(&report.findings, Check::EndOfTurnStops, &sentence);
}
