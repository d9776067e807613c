//! Templates, tokenizers and encoders with the known bugs.

use thinksafe_chat::{Chat, Framing, Turn};
use thinksafe_core::message::Message;
use thinksafe_core::trace::Trace;

use super::{Folder, assert_failed, assert_passed, config, outcome, patient, stripping, texts};
use crate::doctor::specimen::{Specimen, Specimens};
use crate::doctor::{Check, Finding, Outcome, Patient, examine_texts, without_model};
use crate::{
    Encoding, Example, Objective, Overlong, Reduction, SftConfig, Supervise, TrainingText,
};

/// Findings on the small texts with the whole path as it is.
fn examined(chat: &Chat, encoding: &Encoding, config: &SftConfig) -> Vec<Finding> {
    examine_texts(&patient(chat, &texts(), encoding, config)).unwrap().findings
}

/// Findings on the small texts after a faulty encoder has had them.
pub(super) fn after(patient: &Patient<'_>, bug: impl Fn(&Chat, &mut Specimen<'_>)) -> Vec<Finding> {
    let mut specimens = Specimens::of(patient).unwrap();
    for specimen in &mut specimens.taken {
        bug(patient.chat, specimen);
    }
    without_model(patient, &specimens)
}

/// What trainers do that tokenize the rendered conversation and mask as many tokens as the prompt has.
pub(super) fn renders(chat: &Chat, specimen: &mut Specimen<'_>) {
    let mut messages = specimen.text.messages.clone();
    messages.push(Message::assistant(specimen.text.trace.to_turn(chat.think_tags())));
    let text = chat.render(&messages, Turn::Closed).unwrap();
    let ids = chat.tokenizer().encode(text.trim_end(), Framing::Bare).unwrap();
    replace(specimen, ids);
}

/// What collators do that mask padding by its id.
pub(super) fn masks_padding(chat: &Chat, specimen: &mut Specimen<'_>) {
    let example = &mut specimen.example;
    for (id, weight) in example.ids.iter().zip(&mut example.weights) {
        if *id == chat.pad_id() {
            *weight = 0.0;
        }
    }
}

/// What pipelines do that tokenize rendered text with special tokens added.
pub(super) fn doubles_bos(chat: &Chat, specimen: &mut Specimen<'_>) {
    specimen.example.ids.insert(0, chat.bos_id().unwrap());
    specimen.example.weights.insert(0, 0.0);
}

/// What masks do that end where the assistant's header ends.
pub(super) fn trains_the_opening(chat: &Chat, specimen: &mut Specimen<'_>) {
    let opening = chat.tokenizer().encode(&specimen.opening, Framing::Bare).unwrap().len();
    let end = specimen.prompt.len();
    specimen.example.weights[end - opening..end].fill(1.0);
}

/// What a trace does to a prompt that has opened the thinking already.
pub(super) fn opens_twice(chat: &Chat, specimen: &mut Specimen<'_>) {
    let turn = specimen.text.trace.to_turn(chat.think_tags());
    let turn = chat.tokenizer().encode(&turn, Framing::Bare).unwrap();
    replace(specimen, [&specimen.prompt[..], &turn].concat());
}

fn replace(specimen: &mut Specimen<'_>, ids: Vec<u32>) {
    let supervised: Vec<bool> = (0..ids.len()).map(|at| at >= specimen.prompt.len()).collect();
    let label = specimen.example.label;
    specimen.example = Example { label, ..Example::from_mask("", ids, &supervised) };
}

#[test]
fn both_kinds_of_template_are_healthy() {
    for folder in [Folder::new(), stripping()] {
        let (chat, config) = (folder.chat(), config());
        let steering = ["You should refuse."];
        let (texts, encoding) = (texts(), Encoding::default());
        let patient = Patient { steering: &steering, ..patient(&chat, &texts, &encoding, &config) };
        let report = examine_texts(&patient).unwrap();
        assert!(
            report.findings.iter().all(|f| matches!(f.outcome, Outcome::Passed { .. })),
            "{report}"
        );
    }
}

#[test]
fn rendering_loses_the_thinking_where_the_template_strips_it() {
    let (config, encoding, texts) = (config(), Encoding::default(), texts());
    let chat = stripping().chat();
    let findings = after(&patient(&chat, &texts, &encoding, &config), renders);
    let sentence = ["text `sum`", "the trained turn reads", "so four", "3 of 3 texts"];
    assert_failed(&findings, Check::TraceSurvives, &sentence);
    let sentence = ["generation is given \"<think>\" (3) where training has"];
    assert_failed(&findings, Check::PromptIsPrefix, &sentence);
    let chat = Folder::new().chat();
    let findings = after(&patient(&chat, &texts, &encoding, &config), renders);
    assert_passed(&findings, Check::TraceSurvives);
    assert_passed(&findings, Check::PromptIsPrefix);
}

#[test]
fn masking_padding_by_its_id_is_found_where_it_ends_turns() {
    let (config, encoding, texts) = (config(), Encoding::default(), texts());
    let folder = Folder::new();
    let findings = after(&patient(&folder.chat(), &texts, &encoding, &config), masks_padding);
    assert_passed(&findings, Check::EndOfTurnTrained);
    folder.edit("tokenizer_config.json", "\"<pad>\"", "\"<|im_end|>\"");
    let chat = folder.chat();
    let findings = after(&patient(&chat, &texts, &encoding, &config), masks_padding);
    let sentence = ["\"<|im_end|>\" (2), which is also the padding token, is not trained"];
    assert_failed(&findings, Check::EndOfTurnTrained, &sentence);
    // The reference code's KL objective does the same, through our own settings.
    let reference = SftConfig { objective: Objective::reference_kl(chat.pad_id()), ..config };
    let findings = examined(&chat, &encoding, &reference);
    assert_failed(&findings, Check::EndOfTurnTrained, &["learns not to stop"]);
    assert_failed(&findings, Check::PromptUntrained, &["of the prompt are trained"]);
}

#[test]
fn a_second_bos_is_found_whoever_writes_it() {
    let (config, encoding, texts) = (config(), Encoding::default(), texts());
    let folder = Folder::new();
    folder.edit(
        "tokenizer_config.json",
        "\"eos_token\"",
        "\"bos_token\": \"<|im_start|>\", \"eos_token\"",
    );
    let chat = folder.chat();
    assert_passed(&examined(&chat, &encoding, &config), Check::OneBos);
    let findings = after(&patient(&chat, &texts, &encoding, &config), doubles_bos);
    assert_failed(&findings, Check::OneBos, &["\"<|im_start|>\" (1) 2 times"]);
    folder.edit("chat_template.jinja", "{%- for", "{{- bos_token }}{%- for");
    let findings = examined(&folder.chat(), &encoding, &config);
    assert_failed(&findings, Check::OneBos, &["2 times"]);
}

#[test]
fn an_opening_that_is_trained_or_written_twice_is_found() {
    let (config, encoding, texts) = (config(), Encoding::default(), texts());
    let chat = stripping().chat();
    let patient = patient(&chat, &texts, &encoding, &config);
    let findings = after(&patient, trains_the_opening);
    assert_failed(&findings, Check::PromptUntrained, &["2 of", "up to \"\\n\""]);
    assert_passed(&findings, Check::OpeningOnce);
    let findings = after(&patient, opens_twice);
    let sentence = ["the template ends with \"<think>\\n\"", "opens \"<think>\" again"];
    assert_failed(&findings, Check::OpeningOnce, &sentence);
}

#[test]
fn an_end_that_generation_does_not_stop_at_is_found() {
    let folder = Folder::new();
    folder.write("generation_config.json", r#"{"eos_token_id": [0]}"#);
    let findings = examined(&folder.chat(), &Encoding::default(), &config());
    let sentence = ["the turn ends with \"<|im_end|>\" (2)", "only at \"<pad>\" (0)"];
    assert_failed(&findings, Check::EndOfTurnStops, &sentence);
    assert_passed(&findings, Check::EndOfTurnTrained);
}

#[test]
fn what_is_cut_left_out_or_refused_is_counted() {
    let (chat, config) = (Folder::new().chat(), config());
    let encoding = Encoding { max_length: 60, ..Encoding::default() };
    let findings = examined(&chat, &encoding, &config);
    let sentence = ["of 3 texts are too long and left out", "at most 60 are allowed"];
    assert_failed(&findings, Check::TextsSurvive, &sentence);
    let encoding = Encoding { overlong: Overlong::Truncate, ..encoding };
    let findings = examined(&chat, &encoding, &config);
    assert_failed(&findings, Check::EndsSurvive, &["cut at 60 tokens", "does not end"]);
    assert_passed(&findings, Check::TraceSurvives);
    let encoding = Encoding { supervise: Supervise::Thinking, ..Encoding::default() };
    let findings = examined(&chat, &encoding, &config);
    assert!(matches!(outcome(&findings, Check::EndOfTurnTrained), Outcome::Skipped { .. }));
    let answer_only =
        TrainingText::new("bare", "hi?", Trace { thinking: None, answer: "hi".into() });
    let report = examine_texts(&patient(&chat, &[answer_only], &encoding, &config)).unwrap();
    let sentence = ["1 of 1 texts give no example; `bare`: no token is supervised"];
    assert_failed(&report.findings, Check::TextsSurvive, &sentence);
}

#[test]
fn texts_that_vanish_are_missed() {
    let (chat, config, encoding, texts) =
        (Folder::new().chat(), config(), Encoding::default(), texts());
    let patient = patient(&chat, &texts, &encoding, &config);
    let mut specimens = Specimens::of(&patient).unwrap();
    specimens.taken.pop();
    let findings = without_model(&patient, &specimens);
    assert_failed(&findings, Check::TextsSurvive, &["1 of 3 texts vanished"]);
}

#[test]
fn steering_that_was_left_in_is_found() {
    let (chat, config, encoding) = (Folder::new().chat(), config(), Encoding::default());
    let mut texts = texts();
    texts[2].messages = vec![Message::user("You should refuse.\n\nhelp me steal a car")];
    let steering = ["You should refuse."];
    let patient = Patient { steering: &steering, ..patient(&chat, &texts, &encoding, &config) };
    let findings = examine_texts(&patient).unwrap().findings;
    let sentence = ["text `no`", "steering text \"You should refuse.\""];
    assert_failed(&findings, Check::SteeringAbsent, &sentence);
}

#[test]
fn an_objective_that_leaves_examples_out_is_found() {
    let (chat, encoding) = (Folder::new().chat(), Encoding::default());
    let kl = SftConfig { objective: Objective::thinksafe_kl(Reduction::TokenMean), ..config() };
    assert_passed(&examined(&chat, &encoding, &kl), Check::TermsApply);
    let mut texts = texts();
    texts[1].label = None;
    let findings = examine_texts(&patient(&chat, &texts, &encoding, &kl)).unwrap().findings;
    assert_failed(&findings, Check::TermsApply, &["`sky`", "no prompt label"]);
}
