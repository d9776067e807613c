//! Samples with and without steering, from a run's logs.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use anyhow::Result;
use thinksafe_core::generate::Identity;
use thinksafe_core::hash::ContentHash;
use thinksafe_core::likelihood::TurnScorer;
use thinksafe_core::log::{self, RecordLog};
use thinksafe_core::prompt::LabeledPrompt;
use thinksafe_core::run::RunDir;
use thinksafe_core::sampling::Sampling;
use thinksafe_core::seed::Seed;
use thinksafe_core::trace::Trace;
use thinksafe_eval::likelihood::{Likelihoods, Text, score_texts};
use thinksafe_eval::score::Unscored;
use thinksafe_eval::steering::{Outcome, PromptSamples, Sample, SampleLikelihood};
use thinksafe_filter::{DropReason, Policy, Verdicts};
use thinksafe_steering::{SteeringPlan, SteeringTemplate};
use thinksafe_trace::{PromptSet, TraceRecord, TraceSettings, Turn};

use crate::Bar;

/// What both sides of a comparison are drawn by: first without steering, then with it.
///
/// Each side has a seed of its own, without which both would draw the same random numbers.
pub fn sides(
    sampling: &Sampling,
    samples_per_prompt: u32,
    template: &SteeringTemplate,
    seed: Seed,
) -> [TraceSettings; 2] {
    let side = |steering, name| TraceSettings {
        steering,
        sampling: sampling.clone(),
        samples_per_prompt,
        ..TraceSettings::new(seed.purpose(name))
    };
    [side(SteeringPlan::unsteered(), "unsteered"), side(SteeringPlan::every(template), "steered")]
}

/// The samples of one side, by prompt and in the order of their indices.
#[derive(Debug, Default)]
pub struct Drawn(BTreeMap<String, BTreeMap<u32, DrawnSample>>);

/// A sample, and its turn if it was accepted.
#[derive(Debug)]
struct DrawnSample {
    outcome: Outcome,
    accepted: Option<AcceptedTurn>,
}

#[derive(Debug)]
struct AcceptedTurn {
    trace: Trace,
    /// Tokens of it as it was generated.
    tokens: u64,
}

impl Drawn {
    /// Reads the samples that these settings ask of a model, and no others that the log may hold.
    ///
    /// # Errors
    /// What reading the trace log reports.
    pub fn read(
        traces: &Path,
        prompts: &PromptSet,
        settings: &TraceSettings,
        identity: &Identity,
        verdicts: &Verdicts,
    ) -> Result<Self> {
        let indices = 0..settings.samples_per_prompt;
        let keys = |prompt| indices.clone().map(move |index| settings.key(prompt, index, identity));
        let wanted: HashSet<ContentHash> = prompts.prompts().iter().flat_map(keys).collect();
        let mut drawn = Self::default();
        log::scan(traces, |_, record: TraceRecord| {
            if wanted.contains(&record.key) {
                let outcome = outcome(&record, verdicts);
                let accepted = (outcome == Outcome::Accepted).then(|| accepted(&record)).flatten();
                let samples = drawn.0.entry(record.prompt_id).or_default();
                samples.insert(record.sample_index, DrawnSample { outcome, accepted });
            }
            Ok(())
        })?;
        Ok(drawn)
    }

    /// The accepted turns of a prompt as texts after `instruction`.
    fn texts(&self, prompt: &LabeledPrompt, instruction: &str) -> Vec<Text> {
        let accepted = self.accepted(prompt);
        accepted.map(|turn| text(prompt, instruction, &turn.trace)).collect()
    }

    /// The accepted turns, each after its prompt as it is.
    pub fn unsteered_texts(&self, prompts: &PromptSet) -> Vec<Text> {
        let texts = |prompt: &LabeledPrompt| self.texts(prompt, &prompt.text);
        prompts.prompts().iter().flat_map(texts).collect()
    }

    /// How many accepted turns are encoded to another number of tokens than was generated, of how many.
    pub fn encoded_otherwise(&self, prompts: &PromptSet, found: &Likelihoods) -> String {
        let (mut otherwise, mut all) = (0u64, 0u64);
        for prompt in prompts.prompts() {
            for turn in self.accepted(prompt) {
                let likelihood = found.likelihood(&text(prompt, &prompt.text, &turn.trace));
                all += 1;
                otherwise += u64::from(likelihood.is_none_or(|l| l.turn().tokens != turn.tokens));
            }
        }
        format!("{otherwise} of {all}")
    }

    fn accepted(&self, prompt: &LabeledPrompt) -> impl Iterator<Item = &AcceptedTurn> {
        let samples = self.0.get(&prompt.id).into_iter().flatten();
        samples.filter_map(|(_, sample)| sample.accepted.as_ref())
    }

    fn samples(
        &self,
        prompt: &LabeledPrompt,
        template: &SteeringTemplate,
        found: &Likelihoods,
    ) -> Vec<Sample> {
        let steered = template.apply(&prompt.text);
        let likelihood = |trace: &Trace| {
            let turn = |instruction| found.likelihood(&text(prompt, instruction, trace));
            Some(SampleLikelihood {
                turn: ContentHash::of("thinksafe.turn", trace),
                unsteered: turn(&prompt.text)?.turn(),
                steered: turn(&steered)?.turn(),
            })
        };
        let sample = |sample: &DrawnSample| Sample {
            outcome: sample.outcome,
            likelihood: sample.accepted.as_ref().and_then(|turn| likelihood(&turn.trace)),
        };
        self.0.get(&prompt.id).into_iter().flatten().map(|(_, drawn)| sample(drawn)).collect()
    }
}

/// Both sides of each prompt, in the order of the set, with the likelihoods of what was accepted.
pub fn prompt_samples(
    prompts: &PromptSet,
    [unsteered, steered]: [&Drawn; 2],
    template: &SteeringTemplate,
    found: &Likelihoods,
) -> Vec<PromptSamples> {
    let samples = |prompt: &LabeledPrompt| PromptSamples {
        prompt: prompt.id.clone(),
        unsteered: unsteered.samples(prompt, template, found),
        steered: steered.samples(prompt, template, found),
    };
    prompts.prompts().iter().map(samples).collect()
}

/// Every accepted turn, after its prompt as it is and after the steered one.
pub fn likelihood_texts(
    prompts: &PromptSet,
    sides: &[Drawn],
    template: &SteeringTemplate,
) -> Vec<Text> {
    let mut texts = Vec::new();
    for prompt in prompts.prompts() {
        for instruction in [&prompt.text, &template.apply(&prompt.text)] {
            texts.extend(sides.iter().flat_map(|side| side.texts(prompt, instruction)));
        }
    }
    texts
}

/// How likely the model finds each text; what the run's log lacks is scored now.
///
/// # Errors
/// What the model or the log report.
pub fn likelihoods(
    run: &RunDir,
    model: &mut dyn TurnScorer,
    texts: &[Text],
    bar: &mut Bar,
) -> Result<Likelihoods> {
    let mut log = RecordLog::open(run.likelihoods())?;
    score_texts(model, texts, &mut log, &mut |progress| bar.show(&progress))?;
    Ok(Likelihoods::read(log.path(), model.scorer())?)
}

fn text(prompt: &LabeledPrompt, instruction: &str, trace: &Trace) -> Text {
    Text::new(&prompt.id, instruction, trace.clone()).labeled(prompt.label)
}

fn accepted(record: &TraceRecord) -> Option<AcceptedTurn> {
    let tokens = u64::from(record.turn()?.completion_tokens);
    Some(AcceptedTurn { trace: record.trace()?.clone(), tokens })
}

/// What the paper's filter makes of a sample.
fn outcome(record: &TraceRecord, verdicts: &Verdicts) -> Outcome {
    let cut = record.turn().is_some_and(Turn::is_truncated);
    match Policy::default().drop_reason(record, &[verdicts.of(&record.key)]) {
        None => Outcome::Accepted,
        Some(DropReason::Unsafe) => Outcome::Unsafe,
        Some(DropReason::Controversial) => Outcome::Controversial,
        Some(DropReason::RequestFailed) => Outcome::Unscored(Unscored::RequestFailed),
        Some(DropReason::Truncated) => Outcome::Unscored(Unscored::Truncated),
        Some(DropReason::UnclosedThinking) if cut => Outcome::Unscored(Unscored::Truncated),
        Some(
            DropReason::UnclosedThinking
            | DropReason::OutOfOrder
            | DropReason::NoThinking
            | DropReason::BlankAnswer,
        ) => Outcome::Unscored(Unscored::Unsplit),
        Some(_) => Outcome::Unscored(Unscored::Undetermined),
    }
}
