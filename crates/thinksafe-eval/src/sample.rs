//! Generation: a benchmark's responses, in an append-only log that a restarted run completes.

use std::collections::HashMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use thinksafe_core::generate::{
    Completion, Finish, Generate, Generated, Identity, Request, RequestError,
};
use thinksafe_core::hash::ContentHash;
use thinksafe_core::log::{self, Record, RecordLog};
use thinksafe_core::progress::{OnProgress, Progress};
use thinksafe_core::seed::SampleSeed;
use thinksafe_core::trace::{ThinkTags, Trace};

use crate::Error;
use crate::benchmark::{Benchmark, Item};
use crate::score::Unscored;

/// What came of asking one item once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SampleRecord {
    /// Hash of everything the response is a function of: engine, model, prompt, settings, seed.
    pub key: ContentHash,
    /// The item's id.
    pub item: String,
    /// Which sample of the item, from 0.
    pub sample: u32,
    /// What its draws were keyed by.
    pub seed: SampleSeed,
    /// What produced it.
    pub generator: ContentHash,
    /// The response, or why there is none.
    pub outcome: Outcome,
}

/// A response, or why there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "a request is served or it is not")]
pub enum Outcome {
    /// The model wrote this.
    Generated(Generated),
    /// The request could not be served.
    Failed(RequestError),
}

impl Record for SampleRecord {
    const FORMAT: &'static str = "thinksafe.eval.sample";
    const VERSION: u32 = 1;

    fn key(&self) -> &ContentHash {
        &self.key
    }
}

/// A logged response, split for scoring.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    /// The index of its item in the benchmark.
    pub item: usize,
    /// What was logged.
    pub record: SampleRecord,
    /// Thinking and answer, or why no scorer may look at the response.
    pub trace: Result<Trace, Unscored>,
}

impl Response {
    /// Splits a logged response.
    pub fn new(item: usize, record: SampleRecord, tags: &ThinkTags) -> Self {
        let trace = match &record.outcome {
            Outcome::Failed(_) => Err(Unscored::RequestFailed),
            Outcome::Generated(g) if g.finish == Finish::Length => Err(Unscored::Truncated),
            Outcome::Generated(g) => Trace::parse(&g.turn(), tags).map_err(|_| Unscored::Unsplit),
        };
        Self { item, record, trace }
    }

    /// What the model wrote, unless the request failed.
    pub fn generated(&self) -> Option<&Generated> {
        match &self.record.outcome {
            Outcome::Generated(generated) => Some(generated),
            Outcome::Failed(_) => None,
        }
    }

    /// The whole assistant turn; empty if the request failed.
    pub fn turn(&self) -> String {
        self.generated().map(Generated::turn).unwrap_or_default()
    }
}

/// Asks every item that the log does not hold yet, and returns all responses in the benchmark's order.
///
/// Runs of several models or prompts can share one log: keys tell them apart. If the engine fails half-way, what it
/// had finished is in the log, and calling again does the rest. A request that could not be served is a finished
/// item; it is not tried again.
///
/// # Errors
/// [`Error::Core`] if the log or the engine fails; [`Error::Unanswered`] if the engine leaves requests out.
pub fn generate(
    benchmark: &Benchmark,
    generator: &mut dyn Generate,
    log_path: &Path,
    on_progress: OnProgress<'_>,
) -> Result<Vec<Response>, Error> {
    let identity = generator.identity().clone();
    let planned = plan(benchmark, &identity);
    let mut log = RecordLog::open(log_path)?;
    let missing: Vec<&Planned<'_>> = planned.iter().filter(|p| !log.contains(&p.key)).collect();
    let mut progress = Progress {
        phase: "generate",
        done: (planned.len() - missing.len()) as u64,
        total: planned.len() as u64,
        tokens: 0,
        note: Some(benchmark.name().to_owned()),
    };
    tracing::debug!(
        benchmark = benchmark.name(),
        done = progress.done,
        missing = missing.len(),
        recovered_bytes = log.recovered_bytes(),
        "generating responses"
    );
    on_progress(progress.clone());
    if !missing.is_empty() {
        let mut requests =
            missing.iter().enumerate().map(|(id, p)| p.request(id as u64, benchmark));
        generator.generate(&mut requests, &mut |completion| {
            let record = record(&missing, &identity, completion)?;
            log.append(&record)?;
            progress.done += 1;
            if let Outcome::Generated(generated) = &record.outcome {
                progress.tokens += u64::from(generated.completion_tokens());
            }
            on_progress(progress.clone());
            Ok(())
        })?;
        log.sync()?;
    }
    drop(log);
    read(benchmark, &identity, log_path)
}

/// Reads a benchmark's responses by one generator back from a log, in the benchmark's order, generating nothing.
///
/// # Errors
/// [`Error::Core`] if the log cannot be read; [`Error::Unanswered`] if it lacks responses.
pub fn read(
    benchmark: &Benchmark,
    identity: &Identity,
    log_path: &Path,
) -> Result<Vec<Response>, Error> {
    let planned = plan(benchmark, identity);
    let places: HashMap<&ContentHash, usize> =
        planned.iter().enumerate().map(|(place, p)| (&p.key, place)).collect();
    let mut records: Vec<Option<SampleRecord>> = vec![None; planned.len()];
    log::scan(log_path, |_, record: SampleRecord| {
        if let Some(place) = places.get(&record.key) {
            records[*place] = Some(record);
        }
        Ok(())
    })?;
    let missing = records.iter().filter(|r| r.is_none()).count();
    if missing > 0 {
        return Err(Error::Unanswered { engine: identity.engine.clone(), missing });
    }
    let tags = &benchmark.settings().tags;
    let pairs = planned.iter().zip(records.into_iter().flatten());
    Ok(pairs.map(|(p, record)| Response::new(p.index, record, tags)).collect())
}

/// One response to be had.
struct Planned<'a> {
    index: usize,
    item: &'a Item,
    sample: u32,
    seed: SampleSeed,
    key: ContentHash,
}

impl Planned<'_> {
    fn request(&self, id: u64, benchmark: &Benchmark) -> Request {
        let sampling = benchmark.settings().sampling.clone();
        let request = Request::new(id, self.item.prompt.clone(), sampling, self.seed);
        Request { prefill: self.item.prefill.clone(), ..request }
    }
}

fn plan<'a>(benchmark: &'a Benchmark, identity: &Identity) -> Vec<Planned<'a>> {
    let generator = identity.hash();
    let settings = benchmark.settings();
    let one = |index: usize, item: &'a Item, sample: u32| {
        let seed = benchmark.seed(item, sample);
        let asked = (&item.id, sample, &item.prompt, &item.prefill);
        let key =
            ContentHash::of(SampleRecord::FORMAT, &(&generator, asked, &settings.sampling, seed));
        Planned { index, item, sample, seed, key }
    };
    let items = benchmark.items().iter().enumerate();
    items
        .flat_map(|(i, item)| (0..settings.samples).map(move |s| (i, item, s)))
        .map(|(i, item, sample)| one(i, item, sample))
        .collect()
}

fn record(
    missing: &[&Planned<'_>],
    identity: &Identity,
    completion: Completion,
) -> Result<SampleRecord, thinksafe_core::Error> {
    let Some(planned) = missing.get(completion.id as usize) else {
        return Err(thinksafe_core::Error::engine(&identity.engine, UnknownId(completion.id)));
    };
    Ok(SampleRecord {
        key: planned.key.clone(),
        item: planned.item.id.clone(),
        sample: planned.sample,
        seed: planned.seed,
        generator: identity.hash(),
        outcome: match completion.outcome {
            Ok(generated) => Outcome::Generated(generated),
            Err(error) => Outcome::Failed(error),
        },
    })
}

/// An engine or judge answered what nobody asked.
#[derive(Debug, thiserror::Error)]
#[error("it answered request {0}, which nobody made")]
pub(crate) struct UnknownId(pub(crate) u64);
