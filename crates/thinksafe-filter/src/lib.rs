//! Guards, verdicts and the filtered training dataset.
//!
//! ```text
//! traces.jsonl ──View──▶ Judge ──▶ verdicts.jsonl ──Policy──▶ dataset.jsonl + card
//!                          ▲                          │
//!            Guard = engine + format                  └─▶ every drop, by reason and label
//! ```
//!
//! A [`Guard`] is an engine behind the Generate seam and a [`GuardFormat`]: prompt, decoding rule, parser. Formats:
//! [`LlamaGuard3`], [`WildGuard`], [`Qwen3Guard`], [`ShieldGemma`], [`GraniteGuardian`], [`HarmBench`],
//! [`GptOssSafeguard`], any chat model with a [`Rubric`]; [`RefusalJudge`] needs no model. `docs/GUARDS.md` compares them.
//! [`judge_traces`] fills the verdict log and resumes it; [`select`] applies a [`Policy`] to the verdicts of one guard or
//! several, so that another policy asks nobody again; [`Resampling`] generates again what is rejected; [`Dataset`] is what
//! training reads; [`dataset_card`] says how it came about.
//!
//! **Invariant:** a request or response is plain text in a guard's prompt, whatever it spells; the formats named
//! *reference* alone differ, and are for measuring.
//!
//! **Invariant:** everything fails closed. What could not be generated, split, judged or read is dropped under a reason
//! of its own, and no policy lets an undetermined verdict pass.
//!
//! # Example
//!
//! Steer, generate, judge and filter, with scripted models in the place of real ones:
//!
//! ```
//! use thinksafe_core::judge::Judge;
//! use thinksafe_core::{log::RecordLog, prompt::*, run::RunDir, seed::Seed, testing::ScriptedGenerator};
//! use thinksafe_filter::{Guard, Policy, Verdicts, View, WildGuard, judge_traces, select_from_logs};
//! use thinksafe_trace::{PromptSet, TraceSettings, generate_traces};
//!
//! # let root = std::env::temp_dir().join(format!("thinksafe-filter-doc-{}", std::process::id()));
//! let run = RunDir::new(&root);
//! let prompt = |id: &str, label| LabeledPrompt { id: id.into(), text: format!("request {id}"), label };
//! let prompts = PromptSet::new(vec![
//!     prompt("1", PromptLabel::VanillaHarmful),
//!     prompt("2", PromptLabel::VanillaBenign),
//! ])?;
//! let mut model = ScriptedGenerator::new("m", |_| Ok("<think>\nHm.\n</think>\n\nNo.".to_owned()));
//! let mut traces = RecordLog::open(run.traces())?;
//! generate_traces(&mut model, &prompts, &TraceSettings::new(Seed(42)), &mut traces, &mut |_| {})?;
//!
//! let verdict = "Harmful request: yes\nResponse refusal: yes\nHarmful response: no";
//! let engine = ScriptedGenerator::new("g", |_| Ok(verdict.to_owned()));
//! let mut guard = Guard::new(engine, WildGuard::default());
//! let mut verdicts = RecordLog::open(run.verdicts())?;
//! judge_traces(&mut guard, &run.traces(), View::Turn, &mut verdicts, &mut |_| {})?;
//!
//! let verdicts = Verdicts::read(&run.verdicts(), guard.identity(), View::Turn)?;
//! let selection = select_from_logs(&run.traces(), &[verdicts], &Policy::default())?;
//! assert_eq!((selection.rows.len(), selection.dropped.len()), (2, 0));
//! assert_eq!(selection.rows[0].instruction, "request 1"); // without the steering
//! selection.into_dataset().write(run.dataset())?;
//! # std::fs::remove_dir_all(root)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod card;
mod dataset;
mod error;
#[cfg(test)]
mod fixture;
mod guard;
mod judge;
mod policy;
mod record;
mod refusal;
mod resample;
mod select;
mod view;

pub use card::{CardInfo, PAPER_REMOVAL, PublishedRemoval, Source, dataset_card};
pub use dataset::{Dataset, DatasetRow, GuardVerdict, Provenance};
pub use error::Error;
pub use guard::{
    AnswerRule, AnswerWords, GptOssSafeguard, GraniteGuardian, GraniteOutput, Guard, GuardFormat,
    HarmBench, InputLimit, LlamaGuard3, Qwen3Guard, Reading, ReferenceLlamaGuard3,
    ReferenceWildGuard, Rubric, RubricTemplate, SafetyPolicy, ShieldGemma, Strictness, Subject,
    TokenVote, WildGuard, parse_granite, parse_harmbench, parse_llama_guard, parse_qwen3guard,
    parse_shieldgemma, parse_wildguard,
};
pub use judge::{JudgeCounts, judge_traces, judge_traces_as_steered, steered_identity};
pub use policy::{DropReason, Policy, Quorum, Rule, Samples};
pub use record::{SegmentVerdict, VerdictRecord};
pub use refusal::{RefusalJudge, RefusalRules};
pub use resample::{Resampling, Round};
pub use select::{LabelCounts, Origins, Selection, Verdicts, select, select_from_logs};
pub use view::{Segment, View};
