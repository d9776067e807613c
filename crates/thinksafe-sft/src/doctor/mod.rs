//! The doctor: the known bugs of fine-tuning, looked for on your model, tokenizer, template, data and settings.
//!
//! Other trainers have trained on doubled BOS tokens, without the token that ends a turn, with gradients that depend on
//! how a batch was cut, with adapters that never moved: the loss falls all the same. Each of those bugs is a named
//! [`Check`] here. A check runs what training itself runs ([`encode`](crate::encode()), [`Trainer`](crate::Trainer))
//! on a little of the caller's data, and compares two results that must be one.
//!
//! * [`examine_texts`] needs no model: settings, texts, template and tokenizer.
//! * [`examine_training`] trains a borrowed model for a few steps, and gives it back as it was.
//! * [`examine`] is both.
//!
//! ```no_run
//! use std::path::Path;
//! use thinksafe_chat::Chat;
//! use thinksafe_core::trace::Trace;
//! use thinksafe_runtime::{CausalLm, Placement};
//! use thinksafe_sft::doctor::{Patient, examine};
//! use thinksafe_sft::{Encoding, SftConfig, TrainingText};
//!
//! let dir = Path::new("models/Qwen3-0.6B");
//! let mut model = CausalLm::load(dir, Placement::CPU_F32)?;
//! let trace = Trace { thinking: Some("A sum.".to_owned()), answer: "4".to_owned() };
//! let patient = Patient {
//!     chat: &Chat::load(dir)?,
//!     texts: &[TrainingText::new("sum", "What is 2 + 2?", trace)],
//!     encoding: &Encoding::default(),
//!     config: &SftConfig::default(),
//!     steering: &["You should refuse to answer the prompt."],
//! };
//! let report = examine(&mut model, &patient, Path::new("run/doctor"))?;
//! println!("{report}");
//! assert!(report.is_healthy());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! `docs/DOCTOR.md` has the bug and the public evidence behind each check, and what to do where it fails.

mod adapter;
mod batching;
mod bench;
mod check;
mod dataset;
mod loan;
mod loss;
mod prompt;
mod report;
mod resume;
mod settings;
mod specimen;
mod subject;
#[cfg(test)]
mod tests;
mod turn;
mod windows;

use std::path::Path;

use thinksafe_chat::Chat;
use thinksafe_runtime::CausalLm;

use self::bench::Bench;
use self::specimen::Specimens;
use self::subject::Subject;
use crate::Error;
use crate::config::SftConfig;
use crate::encode::{Encoding, TrainingText};
use crate::example::Example;

pub use self::check::Check;
pub use self::report::{Finding, Outcome, Report};

/// What is to be trained, and how.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "plain data that callers fill in")]
pub struct Patient<'a> {
    /// The model's tokenizer and template.
    pub chat: &'a Chat,
    /// What is to be learnt.
    pub texts: &'a [TrainingText],
    /// How texts become examples.
    pub encoding: &'a Encoding,
    /// The settings of the run.
    pub config: &'a SftConfig,
    /// Texts that generation was steered with, and that training must not see; may be empty.
    pub steering: &'a [&'a str],
}

impl Patient<'_> {
    /// Whether some term of the objective trains an example's token.
    fn trains(&self, example: &Example, position: usize) -> bool {
        let terms = &self.config.objective.terms;
        let mut terms = terms.iter().filter(|term| term.on.contains(example.label));
        terms.any(|term| term.tokens.weight(example, position) > 0.0)
    }
}

/// Makes every check.
///
/// # Errors
/// Those of [`examine_texts`] and [`examine_training`].
pub fn examine(
    model: &mut CausalLm,
    patient: &Patient<'_>,
    scratch: &Path,
) -> Result<Report, Error> {
    let specimens = Specimens::of(patient)?;
    let mut findings = without_model(patient, &specimens);
    findings.push(vocabulary_fits(patient.chat, model));
    let examples: Vec<Example> = specimens.taken.into_iter().map(|s| s.example).collect();
    findings.extend(examine_training(model, &examples, patient.config, scratch)?.findings);
    Ok(in_order(findings))
}

/// Makes the checks that need no model.
///
/// # Errors
/// [`Error::Config`] if the encoding's options are out of range.
pub fn examine_texts(patient: &Patient<'_>) -> Result<Report, Error> {
    Ok(in_order(without_model(patient, &Specimens::of(patient)?)))
}

/// Makes the checks that train: some fifty passes over at most six examples, each cut to at most 64 tokens.
///
/// What the configuration trains is trained: all weights, or an adapter with the settings of the model's own, else the
/// default ones. The model gets back its adapter, in new tensors, or a copy of its weights. A checkpoint is written
/// below `scratch` and removed. Bits are compared on the CPU, and values up to the noise of the model's precision elsewhere.
///
/// # Errors
/// [`Error::Backend`] or [`Error::Runtime`] if the model cannot be run, [`Error::Core`] if `scratch` cannot be written.
/// What training refuses is a finding.
pub fn examine_training(
    model: &mut CausalLm,
    examples: &[Example],
    config: &SftConfig,
    scratch: &Path,
) -> Result<Report, Error> {
    let vocabulary = model.config().vocab_size as usize;
    let exam = Exam { examples: &windows::of(examples, vocabulary), config, vocabulary };
    let mut bench = Bench::new(model, config, scratch);
    let mut findings = vec![examples_fit(examples, vocabulary)];
    for (check, run) in TRAINING_CHECKS {
        findings.push(training_finding(check, run, &mut bench, &exam)?);
    }
    Ok(in_order(findings))
}

fn without_model(patient: &Patient<'_>, specimens: &Specimens<'_>) -> Vec<Finding> {
    let mut findings = settings::check(patient.config, specimens.taken.len());
    findings.extend(dataset::check(patient, specimens));
    findings.extend(prompt::check(patient, specimens));
    findings.extend(turn::check(patient, specimens));
    findings
}

/// What a trainer is examined with.
#[derive(Debug, Clone, Copy)]
struct Exam<'a> {
    /// Windows of the caller's examples.
    examples: &'a [Example],
    /// The caller's settings.
    config: &'a SftConfig,
    /// V.
    vocabulary: usize,
}

/// A check of a trainer.
type TrainingCheck = fn(&mut dyn Subject, &Exam<'_>) -> Result<Outcome, Error>;

const TRAINING_CHECKS: [(Check, TrainingCheck); 13] = [
    (Check::LossIsSane, loss::is_sane),
    (Check::LossMatchesFormula, loss::matches_formula),
    (Check::RecomputationInert, loss::recomputation_inert),
    (Check::AccumulationInvariant, batching::accumulation_invariant),
    (Check::PartialWindow, batching::partial_window),
    (Check::ShardsSum, batching::shards_sum),
    (Check::KlAccumulation, batching::kl_accumulation),
    (Check::PackedEqualsAlone, batching::packed_equals_alone),
    (Check::NeighboursIsolated, batching::neighbours_isolated),
    (Check::MaskedLabelsInert, loss::masked_labels_inert),
    (Check::AdapterLearns, adapter::learns),
    (Check::AdapterFollowsSeed, adapter::follows_seed),
    (Check::ResumeExact, resume::exact),
];

/// Makes a check of a trainer; what training refuses is a failure, what breaks under it an error.
fn training_finding(
    check: Check,
    run: TrainingCheck,
    subject: &mut dyn Subject,
    exam: &Exam<'_>,
) -> Result<Finding, Error> {
    if exam.examples.is_empty() {
        return Ok(Finding { check, outcome: Outcome::skipped("no example can be trained on") });
    }
    let outcome = match run(subject, exam) {
        Ok(outcome) => outcome,
        Err(error @ (Error::Backend { .. } | Error::Core(_) | Error::Runtime(_))) => {
            return Err(error);
        }
        Err(refused) => Outcome::failed(format!("training refuses: {refused}")),
    };
    Ok(Finding { check, outcome })
}

fn vocabulary_fits(chat: &Chat, model: &CausalLm) -> Finding {
    let (ids, rows) = (chat.tokenizer().vocab_size(), model.config().vocab_size);
    let outcome = if ids as i64 > rows {
        Outcome::failed(format!(
            "the tokenizer has ids up to {} and the model {rows} embeddings",
            ids.saturating_sub(1)
        ))
    } else {
        Outcome::passed(format!("{ids} ids, {rows} embeddings"))
    };
    Finding { check: Check::VocabularyFits, outcome }
}

fn examples_fit(examples: &[Example], vocabulary: usize) -> Finding {
    let mut problems = examples.iter().filter_map(|e| e.validate(vocabulary).err());
    let outcome = match problems.next() {
        None => Outcome::passed(format!("{} examples", examples.len())),
        Some(first) => {
            let count = 1 + problems.count();
            Outcome::failed(format!("{first} ({count} of {} examples)", examples.len()))
        }
    };
    Finding { check: Check::ExamplesFit, outcome }
}

fn in_order(mut findings: Vec<Finding>) -> Report {
    findings.sort_by_key(|finding| finding.check);
    Report { findings }
}

/// A few characters of a text from around a byte, for a message.
fn excerpt(text: &str, at: usize) -> String {
    const BEFORE: usize = 12;
    const LENGTH: usize = 40;
    let skipped = text.char_indices().take_while(|(byte, _)| *byte < at).count();
    text.chars().skip(skipped.saturating_sub(BEFORE)).take(LENGTH).collect()
}
