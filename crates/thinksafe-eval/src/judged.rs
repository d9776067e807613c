//! Verdicts of judges on responses, in a log of their own, so that a judge is asked once.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use thinksafe_core::hash::ContentHash;
use thinksafe_core::judge::{Exchange, Judge};
use thinksafe_core::log::{self, Record, RecordLog};
use thinksafe_core::progress::{OnProgress, Progress};
use thinksafe_core::verdict::Verdict;

use crate::Error;
use crate::benchmark::Benchmark;
use crate::guards::LabeledItem;
use crate::sample::{Response, UnknownId};
use crate::score::Unscored;

/// How much of a response a judge sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "thinking is shown or it is not")]
pub enum View {
    /// Everything the model wrote, thinking and marks included, as in the paper.
    Turn,
    /// What a user is shown.
    Answer,
}

/// A judge's verdict on one response.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerdictRecord {
    /// Hash of the judge, the prompt and what it saw of the response.
    pub key: ContentHash,
    /// Hash of the judge.
    pub judge: ContentHash,
    /// The item's id, for people; an equal exchange of another item shares the verdict.
    pub item: String,
    /// What the judge said.
    pub verdict: Verdict,
}

impl Record for VerdictRecord {
    const FORMAT: &'static str = "thinksafe.eval.verdict";
    const VERSION: u32 = 1;

    fn key(&self) -> &ContentHash {
        &self.key
    }
}

/// Has every response judged against its unsteered prompt, asking only for verdicts that the log does not hold.
///
/// Returns one entry a response, in their order: the verdict, or why the response cannot be judged.
///
/// # Errors
/// [`Error::Core`] if the log or the judge fails; [`Error::Unanswered`] if the judge leaves exchanges out.
pub fn judge(
    benchmark: &Benchmark,
    responses: &[Response],
    judge: &mut dyn Judge,
    view: View,
    log_path: &Path,
    on_progress: OnProgress<'_>,
) -> Result<Vec<Result<Verdict, Unscored>>, Error> {
    let hash = judge.identity().hash.clone();
    let shown: Vec<Result<Shown<'_>, Unscored>> =
        responses.iter().map(|r| Shown::new(benchmark, r, view, &hash)).collect();
    let asked: Vec<Shown<'_>> = shown.iter().flatten().cloned().collect();
    let mut said = verdicts(&asked, benchmark.name(), judge, log_path, on_progress)?.into_iter();
    // There is a verdict for each that was shown.
    let verdict = |shown: Result<Shown<'_>, Unscored>| {
        shown.and_then(|_| said.next().ok_or(Unscored::Undetermined))
    };
    Ok(shown.into_iter().map(verdict).collect())
}

/// Has every exchange judged that the log does not hold, and returns the verdicts in the order of `shown`.
pub(crate) fn verdicts(
    shown: &[Shown<'_>],
    set: &str,
    judge: &mut dyn Judge,
    log_path: &Path,
    on_progress: OnProgress<'_>,
) -> Result<Vec<Verdict>, Error> {
    let identity = judge.identity().clone();
    let mut log = RecordLog::<VerdictRecord>::open(log_path)?;
    let missing = missing(shown, &log);
    let mut progress = Progress {
        phase: "judge",
        done: (shown.len() - missing.len()) as u64,
        total: shown.len() as u64,
        tokens: 0,
        note: Some(format!("{set} by {}", identity.name)),
    };
    tracing::debug!(judge = identity.name, set, missing = missing.len(), "judging responses");
    on_progress(progress.clone());
    if !missing.is_empty() {
        let mut exchanges = missing.iter().enumerate().map(|(id, s)| s.exchange(id as u64));
        judge.judge(&mut exchanges, &mut |judgement| {
            let shown = missing.get(judgement.id as usize).ok_or_else(|| {
                thinksafe_core::Error::engine(&identity.name, UnknownId(judgement.id))
            })?;
            log.append(&VerdictRecord {
                key: shown.key.clone(),
                judge: identity.hash.clone(),
                item: shown.item.to_owned(),
                verdict: judgement.verdict,
            })?;
            progress.done += 1;
            on_progress(progress.clone());
            Ok(())
        })?;
        log.sync()?;
    }
    drop(log);
    collect(shown, log_path, &identity.name)
}

/// An exchange to be judged, and its key.
#[derive(Clone)]
pub(crate) struct Shown<'a> {
    key: ContentHash,
    item: &'a str,
    prompt: &'a str,
    response: Cow<'a, str>,
}

impl<'a> Shown<'a> {
    fn new(
        benchmark: &'a Benchmark,
        response: &Response,
        view: View,
        judge: &ContentHash,
    ) -> Result<Self, Unscored> {
        let item = &benchmark.items()[response.item];
        let trace = response.trace.as_ref().map_err(|unscored| *unscored)?;
        let text = match view {
            View::Turn => response.turn(),
            View::Answer => trace.answer.clone(),
        };
        Ok(Self::of(judge, &item.id, &item.text, text.into()))
    }

    /// An item of a labelled set.
    pub(crate) fn labeled(item: &'a LabeledItem, judge: &ContentHash) -> Self {
        Self::of(judge, &item.id, &item.prompt, Cow::Borrowed(&item.response))
    }

    fn of(judge: &ContentHash, item: &'a str, prompt: &'a str, response: Cow<'a, str>) -> Self {
        let key = ContentHash::of(VerdictRecord::FORMAT, &(judge, prompt, &response));
        Self { key, item, prompt, response }
    }

    fn exchange(&self, id: u64) -> Exchange {
        Exchange {
            id,
            prompt: self.prompt.to_owned(),
            response: self.response.clone().into_owned(),
        }
    }
}

/// What the log does not hold, equal exchanges once.
fn missing<'s, 'a>(shown: &'s [Shown<'a>], log: &RecordLog<VerdictRecord>) -> Vec<&'s Shown<'a>> {
    let mut seen = std::collections::HashSet::new();
    let unlogged = shown.iter().filter(|s| !log.contains(&s.key));
    unlogged.filter(|s| seen.insert(&s.key)).collect()
}

fn collect(shown: &[Shown<'_>], log_path: &Path, judge: &str) -> Result<Vec<Verdict>, Error> {
    let mut verdicts: HashMap<ContentHash, Verdict> = HashMap::new();
    log::scan(log_path, |_, record: VerdictRecord| {
        verdicts.insert(record.key, record.verdict);
        Ok(())
    })?;
    let missing = shown.iter().filter(|s| !verdicts.contains_key(&s.key)).count();
    if missing > 0 {
        return Err(Error::Unanswered { engine: judge.to_owned(), missing });
    }
    Ok(shown.iter().map(|s| verdicts[&s.key].clone()).collect())
}
