//! Generation over a prompt set into the record log.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thinksafe_core::generate::{
    Completion, Counters, Generate, Generated, Identity, Request, RequestError,
};
use thinksafe_core::hash::ContentHash;
use thinksafe_core::log::RecordLog;
use thinksafe_core::message::{Message, Prompt};
use thinksafe_core::progress::{OnProgress, Progress};
use thinksafe_core::prompt::LabeledPrompt;
use thinksafe_core::sampling::Sampling;
use thinksafe_core::seed::Seed;
use thinksafe_core::trace::ThinkTags;
use thinksafe_steering::{SteeringPlan, SteeringTemplate};

use crate::error::Error;
use crate::prompt_set::PromptSet;
use crate::record::{Split, SteeringUsed, TraceOutcome, TraceRecord, Turn};

/// How traces are generated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceSettings {
    /// Which labels are steered, and how.
    pub steering: SteeringPlan,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// Samples of each prompt, at least 1; the paper takes 1.
    pub samples_per_prompt: u32,
    /// The run's seed, from which each sample's is derived.
    pub seed: Seed,
    /// The marks around the model's thinking.
    pub tags: ThinkTags,
}

impl TraceSettings {
    /// The paper's settings (section 4.1): harmful prompts steered, one sample each.
    pub fn new(seed: Seed) -> Self {
        Self {
            steering: SteeringPlan::default(),
            sampling: Sampling::default(),
            samples_per_prompt: 1,
            seed,
            tags: ThinkTags::default(),
        }
    }

    /// The key under which the log holds a sample: the hash of everything that decides it. The number of samples does
    /// not, so that more of them can be asked for later.
    pub fn key(
        &self,
        prompt: &LabeledPrompt,
        sample_index: u32,
        identity: &Identity,
    ) -> ContentHash {
        let steering = self.steering.template(prompt.label).map(SteeringTemplate::hash);
        let seed = self.seed.sample(&prompt.hash(), sample_index);
        let engine = (identity.hash(), &self.tags);
        let drawn = (&self.sampling, seed, sample_index);
        ContentHash::of("thinksafe.trace", &(prompt, steering, drawn, engine))
    }

    pub(crate) fn validate(&self) -> Result<(), Error> {
        self.sampling.validate()?;
        if self.samples_per_prompt == 0 {
            let (field, value) = ("samples_per_prompt", "0".to_owned());
            return Err(Error::Setting { field, value, expected: "at least 1" });
        }
        Ok(())
    }
}

/// What a call of [`generate_traces`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TraceCounts {
    /// Samples that the log already held.
    pub done_before: u64,
    /// Samples that this call added; the counts below are among these.
    pub done_now: u64,
    /// Requests that could not be served, by reason.
    pub failed: BTreeMap<String, u64>,
    /// Turns that the token limit cut off.
    pub truncated: u64,
    /// Turns that do not split into thinking and answer, truncated ones included.
    pub unsplit: u64,
    /// Tokens generated.
    pub completion_tokens: u64,
    /// What the engine counted beside: it depends on the engine's other work, so it is in no record.
    pub engine: Counters,
}

/// Generates what the log lacks of the prompts' samples, and appends each as it finishes.
///
/// A sample's draws depend on the seed, the prompt and the sample's index alone, so that a call that was interrupted
/// at any moment and made again leaves the same lines as an undisturbed one; their order may differ. Requests that the
/// engine refuses are recorded as such and not tried again. Of the outputs, only those in flight are held in memory.
///
/// # Errors
/// [`Error::Setting`] or a sampling error before anything is generated; what the engine or the log report; and
/// [`Error::Unanswered`] if the engine ends without an answer to each request. What was finished is in the log.
pub fn generate_traces<G: Generate + ?Sized>(
    generator: &mut G,
    prompts: &PromptSet,
    settings: &TraceSettings,
    log: &mut RecordLog<TraceRecord>,
    progress: OnProgress<'_>,
) -> Result<TraceCounts, Error> {
    settings.validate()?;
    let plan =
        Plan { prompts: prompts.prompts(), settings, identity: generator.identity().clone() };
    let pending: Vec<u64> = (0..plan.total()).filter(|id| !log.contains(&plan.key(*id))).collect();
    let requested = pending.len() as u64;
    let mut counts =
        TraceCounts { done_before: plan.total() - requested, ..TraceCounts::default() };
    tracing::info!(model = plan.identity.model, requested, done = counts.done_before, "generate");
    let mut requests = pending.into_iter().map(|id| plan.request(id));
    generator.generate(&mut requests, &mut |completion| {
        counts.engine += completion.counters;
        let record = plan.record(completion)?;
        log.append(&record)?;
        counts.add(&record);
        progress(plan.progress(&counts));
        Ok(())
    })?;
    log.sync()?;
    if counts.done_now < requested {
        let (engine, missing) = (plan.identity.engine, requested - counts.done_now);
        return Err(Error::Unanswered { engine, missing, requested });
    }
    Ok(counts)
}

impl TraceCounts {
    fn add(&mut self, record: &TraceRecord) {
        self.done_now += 1;
        match &record.outcome {
            TraceOutcome::Failed(error) => {
                *self.failed.entry(failure_name(error).to_owned()).or_default() += 1;
            }
            TraceOutcome::Generated(turn) => {
                self.truncated += u64::from(turn.is_truncated());
                self.unsplit += u64::from(matches!(turn.split, Split::Unsplit(_)));
                self.completion_tokens += u64::from(turn.completion_tokens);
            }
        }
    }
}

/// The samples of a run, numbered prompt by prompt.
pub(crate) struct Plan<'a> {
    pub(crate) prompts: &'a [LabeledPrompt],
    pub(crate) settings: &'a TraceSettings,
    pub(crate) identity: Identity,
}

impl Plan<'_> {
    pub(crate) fn total(&self) -> u64 {
        self.prompts.len() as u64 * u64::from(self.settings.samples_per_prompt)
    }

    fn sample(&self, id: u64) -> (&LabeledPrompt, u32) {
        let per_prompt = u64::from(self.settings.samples_per_prompt);
        (&self.prompts[(id / per_prompt) as usize], (id % per_prompt) as u32)
    }

    pub(crate) fn key(&self, id: u64) -> ContentHash {
        let (prompt, sample_index) = self.sample(id);
        self.settings.key(prompt, sample_index, &self.identity)
    }

    fn request(&self, id: u64) -> Request {
        let (prompt, sample_index) = self.sample(id);
        let steered = self.settings.steering.apply(prompt).into_owned();
        let seed = self.settings.seed.sample(&prompt.hash(), sample_index);
        let prompt = Prompt::Messages(vec![Message::user(steered)]);
        Request::new(id, prompt, self.settings.sampling.clone(), seed)
    }

    fn record(&self, completion: Completion) -> Result<TraceRecord, thinksafe_core::Error> {
        let Completion { id, outcome, .. } = completion;
        if id >= self.total() {
            let reason = format!("completion for request {id}, which was never made");
            return Err(thinksafe_core::Error::Engine {
                engine: self.identity.engine.clone(),
                source: reason.into(),
            });
        }
        let (prompt, sample_index) = self.sample(id);
        let steering = self.settings.steering.template(prompt.label);
        Ok(TraceRecord {
            key: self.key(id),
            prompt_id: prompt.id.clone(),
            prompt: prompt.text.clone(),
            label: prompt.label,
            steering: steering
                .map(|used| SteeringUsed { name: used.name().to_owned(), hash: used.hash() }),
            sample_index,
            seed: self.settings.seed.sample(&prompt.hash(), sample_index),
            sampling: self.settings.sampling.clone(),
            identity: self.identity.clone(),
            outcome: self.outcome(outcome),
        })
    }

    fn outcome(&self, outcome: Result<Generated, RequestError>) -> TraceOutcome {
        match outcome {
            Ok(generated) => TraceOutcome::Generated(Turn::new(generated, &self.settings.tags)),
            Err(error) => TraceOutcome::Failed(error),
        }
    }

    fn progress(&self, counts: &TraceCounts) -> Progress {
        Progress {
            phase: "generate",
            done: counts.done_before + counts.done_now,
            total: self.total(),
            tokens: counts.completion_tokens,
            note: note(counts.engine),
        }
    }
}

/// What the engine counted, if anything.
fn note(Counters { shared_tokens, preemptions }: Counters) -> Option<String> {
    let shared = (shared_tokens > 0).then(|| format!("{shared_tokens} tokens shared"));
    let preempted = (preemptions > 0).then(|| format!("{preemptions} preempted"));
    let parts: Vec<String> = shared.into_iter().chain(preempted).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// The error's name in counts and reports.
fn failure_name(error: &RequestError) -> &'static str {
    match error {
        RequestError::Invalid { .. } => "invalid",
        RequestError::PromptTooLong { .. } => "prompt_too_long",
        RequestError::Template { .. } => "template",
        RequestError::UnknownAdapter { .. } => "unknown_adapter",
        RequestError::Unsupported { .. } => "unsupported",
        _ => "other",
    }
}

#[cfg(test)]
pub(crate) mod tests;
