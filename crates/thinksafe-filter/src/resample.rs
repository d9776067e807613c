//! Generating again what a policy rejects.

use std::collections::HashMap;
use std::path::Path;

use serde::Serialize;
use thinksafe_core::generate::{Generate, Identity};
use thinksafe_core::hash::ContentHash;
use thinksafe_core::judge::Judge;
use thinksafe_core::log::{self, RecordLog};
use thinksafe_core::progress::OnProgress;
use thinksafe_core::prompt::LabeledPrompt;
use thinksafe_trace::{PromptSet, TraceRecord, TraceSettings, generate_traces};

use crate::error::Error;
use crate::judge::judge_traces;
use crate::policy::{DropReason, Policy, Samples};
use crate::record::VerdictRecord;
use crate::select::Verdicts;
use crate::view::View;

/// Rejection sampling: each prompt is sampled until the policy passes a sample of it, or until it has
/// `settings.samples_per_prompt`.
///
/// ```
/// use thinksafe_core::{log::RecordLog, prompt::*, run::RunDir, seed::Seed, testing::ScriptedGenerator};
/// use thinksafe_filter::{Guard, Policy, Resampling, View, WildGuard};
/// use thinksafe_trace::{PromptSet, TraceSettings};
///
/// # let root = std::env::temp_dir().join(format!("thinksafe-resample-doc-{}", std::process::id()));
/// let run = RunDir::new(&root);
/// let prompts = PromptSet::new(vec![LabeledPrompt {
///     id: "1".into(),
///     text: "a request".into(),
///     label: PromptLabel::VanillaHarmful,
/// }])?;
/// // Its first sample never finishes its thinking.
/// let mut asked = 0;
/// let mut model = ScriptedGenerator::new("m", move |_| {
///     asked += 1;
///     Ok(if asked == 1 { "<think>\nHm." } else { "<think>\nHm.\n</think>\n\nNo." }.to_owned())
/// });
/// let verdict = "Harmful request: yes\nResponse refusal: yes\nHarmful response: no";
/// let engine = ScriptedGenerator::new("g", |_| Ok(verdict.to_owned()));
/// let mut guard = Guard::new(engine, WildGuard::default());
///
/// let settings = TraceSettings { samples_per_prompt: 8, ..TraceSettings::new(Seed(42)) };
/// let policy = Policy::default();
/// let mut traces = RecordLog::open(run.traces())?;
/// let mut verdicts = RecordLog::open(run.verdicts())?;
/// let rounds = Resampling { prompts: &prompts, settings: &settings, policy: &policy }.run(
///     &mut model,
///     &mut [(&mut guard, View::Turn)],
///     &mut traces,
///     &mut verdicts,
///     &mut |_| {},
/// )?;
/// assert_eq!(rounds.iter().map(|round| round.kept).collect::<Vec<_>>(), [0, 1]);
/// # std::fs::remove_dir_all(root)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "what resampling is a function of")]
pub struct Resampling<'a> {
    /// The prompts.
    pub prompts: &'a PromptSet,
    /// How samples are generated, and the most that a prompt gets.
    pub settings: &'a TraceSettings,
    /// What passes.
    pub policy: &'a Policy,
}

/// What one round of [`Resampling`] did: the samples of one index.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Round {
    /// Prompts that were still without a sample that passes, each of which got one more.
    pub prompts: u64,
    /// Prompts whose sample passed.
    pub kept: u64,
    /// Prompts that the engine cannot serve: they are not asked again.
    pub not_served: u64,
}

impl Resampling<'_> {
    /// Generates and judges round by round, and returns what each round did. The last round's rejected prompts have no
    /// sample that passes.
    ///
    /// Round r asks for sample r of the prompts whose samples before it were rejected, so each draw is the one that
    /// [`generate_traces`] makes of that index. All is in the logs: a call that was interrupted and made again leaves
    /// the same lines as an undisturbed one, though maybe in another order. [`select`](crate::select) then counts every
    /// rejected sample under its reason.
    ///
    /// # Errors
    /// [`Error::ResampleAll`], [`Error::NoGuard`] or [`Error::Setting`] before anything is generated; what generating and
    /// judging report.
    pub fn run<G: Generate + ?Sized>(
        &self,
        generator: &mut G,
        guards: &mut [(&mut dyn Judge, View)],
        traces: &mut RecordLog<TraceRecord>,
        verdicts: &mut RecordLog<VerdictRecord>,
        progress: OnProgress<'_>,
    ) -> Result<Vec<Round>, Error> {
        self.validate(guards.len())?;
        let mut open = self.prompts.clone();
        let mut rounds = Vec::new();
        while !open.is_empty() && rounds.len() < self.settings.samples_per_prompt as usize {
            let sample = rounds.len() as u32;
            let settings =
                TraceSettings { samples_per_prompt: sample + 1, ..self.settings.clone() };
            generate_traces(generator, &open, &settings, traces, progress)?;
            let mut judged = Vec::new();
            for (judge, view) in guards.iter_mut() {
                judge_traces(&mut **judge, traces.path(), *view, verdicts, progress)?;
                judged.push(Verdicts::read(verdicts.path(), judge.identity(), *view)?);
            }
            let samples = self.samples(&open, sample, generator.identity());
            let (round, rejected) = self.review(samples, traces.path(), &judged)?;
            tracing::info!(sample, prompts = round.prompts, kept = round.kept, "resample");
            rounds.push(round);
            open = PromptSet::new(rejected)?;
        }
        Ok(rounds)
    }

    fn validate(&self, guards: usize) -> Result<(), Error> {
        self.policy.validate()?;
        if guards == 0 {
            return Err(Error::NoGuard);
        }
        if self.settings.samples_per_prompt == 0 {
            let (field, value) = ("samples_per_prompt", 0.0);
            return Err(Error::Setting { field, value, expected: "at least 1" });
        }
        match self.policy.samples {
            Samples::AllOf { .. } => Err(Error::ResampleAll),
            _ => Ok(()),
        }
    }

    /// The prompts by the key of their sample of an index.
    fn samples<'p>(
        &self,
        prompts: &'p PromptSet,
        sample: u32,
        identity: &Identity,
    ) -> HashMap<ContentHash, &'p LabeledPrompt> {
        let key = |prompt| self.settings.key(prompt, sample, identity);
        prompts.prompts().iter().map(|prompt| (key(prompt), prompt)).collect()
    }

    /// Counts what passed, and lists the prompts that are to be sampled again.
    fn review(
        &self,
        mut samples: HashMap<ContentHash, &LabeledPrompt>,
        traces: &Path,
        guards: &[Verdicts],
    ) -> Result<(Round, Vec<LabeledPrompt>), Error> {
        let mut round = Round { prompts: samples.len() as u64, ..Round::default() };
        let mut rejected = Vec::new();
        log::scan(traces, |_, trace: TraceRecord| {
            let Some(prompt) = samples.remove(&trace.key) else { return Ok(()) };
            let verdicts: Vec<_> = guards.iter().map(|verdicts| verdicts.of(&trace.key)).collect();
            match self.policy.drop_reason(&trace, &verdicts) {
                None => round.kept += 1,
                Some(DropReason::RequestFailed) => round.not_served += 1,
                Some(_) => rejected.push(prompt.clone()),
            }
            Ok(())
        })?;
        Ok((round, rejected))
    }
}

#[cfg(test)]
mod tests;
