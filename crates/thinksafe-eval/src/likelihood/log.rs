//! The log of likelihoods.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use serde::{Deserialize, Serialize};
use thinksafe_core::generate::{Identity, RequestError};
use thinksafe_core::hash::ContentHash;
use thinksafe_core::likelihood::{GivenTurn, TurnLikelihood, TurnScorer};
use thinksafe_core::log::{self, Record, RecordLog};
use thinksafe_core::message::Message;
use thinksafe_core::progress::{OnProgress, Progress};
use thinksafe_core::prompt::PromptLabel;
use thinksafe_core::trace::Trace;

use crate::Error;

/// A turn whose likelihood is asked for: a row of a dataset, or a trace.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "plain data that callers fill in")]
pub struct Text {
    /// What it is not independent of: texts of one prompt have the same.
    pub cluster: String,
    /// The prompt's kind, if known.
    pub label: Option<PromptLabel>,
    /// What the model is given.
    pub messages: Vec<Message>,
    /// The turn.
    pub trace: Trace,
}

impl Text {
    /// A turn that answers one user message.
    pub fn new(cluster: impl Into<String>, instruction: impl Into<String>, trace: Trace) -> Self {
        let messages = vec![Message::user(instruction)];
        Self { cluster: cluster.into(), label: None, messages, trace }
    }

    /// The same text with a prompt label.
    #[must_use]
    pub fn labeled(self, label: PromptLabel) -> Self {
        Self { label: Some(label), ..self }
    }

    /// The key under which the log holds its likelihood.
    pub fn key(&self, scorer: &Identity) -> ContentHash {
        ContentHash::of("thinksafe.likelihood", &(scorer.hash(), &self.messages, &self.trace))
    }
}

/// The likelihood of one turn: a line of the log. Equal turns after equal conversations share one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LikelihoodRecord {
    /// The hash of scorer, conversation and turn.
    pub key: ContentHash,
    /// What scored it.
    pub scorer: Identity,
    /// What came of it.
    pub outcome: Scored,
}

/// What came of scoring a turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "a turn is scored or it is not")]
pub enum Scored {
    /// Its likelihood.
    Likelihood(TurnLikelihood),
    /// Why there is none.
    Failed(RequestError),
}

impl Record for LikelihoodRecord {
    const FORMAT: &'static str = "thinksafe.likelihood";
    const VERSION: u32 = 1;

    fn key(&self) -> &ContentHash {
        &self.key
    }
}

/// What a call of [`score_texts`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ScoreCounts {
    /// Turns that the log already held; equal ones count once.
    pub done_before: u64,
    /// Turns scored by this call.
    pub done_now: u64,
    /// Those among them that could not be scored.
    pub failed: u64,
}

/// Scores every text that the log lacks, and appends its likelihood.
///
/// A call that was interrupted and made again scores exactly what is missing.
///
/// # Errors
/// What the scorer or the log report; [`Error::Unanswered`] if the scorer ends without a score for each turn. What was
/// finished is in the log.
pub fn score_texts(
    scorer: &mut dyn TurnScorer,
    texts: &[Text],
    log: &mut RecordLog<LikelihoodRecord>,
    progress: OnProgress<'_>,
) -> Result<ScoreCounts, Error> {
    let identity = scorer.scorer().clone();
    let mut counts = ScoreCounts::default();
    let mut seen = HashSet::new();
    let mut pending: Vec<(ContentHash, &Text)> = Vec::new();
    for text in texts {
        let key = text.key(&identity);
        if seen.insert(key.clone()) {
            if log.contains(&key) {
                counts.done_before += 1;
            } else {
                pending.push((key, text));
            }
        }
    }
    let total = seen.len() as u64;
    let mut turns = (0..).zip(&pending).map(|(id, (_, text))| given(id, text));
    scorer.score_turns(&mut turns, &mut |scored| {
        let Some((key, _)) = usize::try_from(scored.id).ok().and_then(|id| pending.get(id)) else {
            let reason = format!("score of turn {}, which was never given", scored.id);
            let engine = identity.engine.clone();
            return Err(thinksafe_core::Error::Engine { engine, source: reason.into() });
        };
        let outcome = Scored::from(scored.outcome);
        counts.done_now += 1;
        counts.failed += u64::from(matches!(outcome, Scored::Failed(_)));
        log.append(&LikelihoodRecord { key: key.clone(), scorer: identity.clone(), outcome })?;
        let done = counts.done_before + counts.done_now;
        progress(Progress { phase: "score", done, total, tokens: 0, note: None });
        Ok(())
    })?;
    log.sync()?;
    let missing = pending.len() - counts.done_now as usize;
    if missing > 0 {
        return Err(Error::Unanswered { engine: identity.engine, missing });
    }
    Ok(counts)
}

fn given(id: u64, text: &Text) -> GivenTurn {
    GivenTurn { id, messages: text.messages.clone(), trace: text.trace.clone() }
}

impl From<Result<TurnLikelihood, RequestError>> for Scored {
    fn from(outcome: Result<TurnLikelihood, RequestError>) -> Self {
        match outcome {
            Ok(likelihood) if is_finite(&likelihood) => Self::Likelihood(likelihood),
            // JSON has no such numbers, and a mean no place for them.
            Ok(_) => {
                let reason = "a log-probability is not finite".to_owned();
                Self::Failed(RequestError::Invalid { reason })
            }
            Err(error) => Self::Failed(error),
        }
    }
}

fn is_finite(likelihood: &TurnLikelihood) -> bool {
    likelihood.turn().log_prob.is_finite()
}

/// The likelihoods that a log holds of one scorer.
#[derive(Debug, Clone, PartialEq)]
pub struct Likelihoods {
    scorer: Identity,
    by_key: HashMap<ContentHash, Scored>,
}

impl Likelihoods {
    /// Reads them, leaving out those of other scorers.
    ///
    /// # Errors
    /// As [`log::read`].
    pub fn read(path: &Path, scorer: &Identity) -> Result<Self, Error> {
        let mut by_key = HashMap::new();
        log::scan(path, |_, record: LikelihoodRecord| {
            if record.scorer.hash() == scorer.hash() {
                by_key.insert(record.key, record.outcome);
            }
            Ok(())
        })?;
        Ok(Self { scorer: scorer.clone(), by_key })
    }

    /// What came of a text; `None` if it was not scored.
    pub fn of(&self, text: &Text) -> Option<&Scored> {
        self.by_key.get(&text.key(&self.scorer))
    }

    /// The likelihood of a text, if it has one.
    pub fn likelihood(&self, text: &Text) -> Option<TurnLikelihood> {
        match self.of(text)? {
            Scored::Likelihood(likelihood) => Some(*likelihood),
            Scored::Failed(_) => None,
        }
    }

    /// How many of the texts have no likelihood, by reason.
    pub fn missing<'t>(&self, texts: impl IntoIterator<Item = &'t Text>) -> BTreeMap<String, u64> {
        let mut missing = BTreeMap::new();
        for reason in texts.into_iter().filter_map(|text| self.reason(text)) {
            *missing.entry(reason.to_owned()).or_default() += 1;
        }
        missing
    }

    /// Why a text has no likelihood.
    fn reason(&self, text: &Text) -> Option<&'static str> {
        match self.of(text) {
            Some(Scored::Likelihood(_)) => None,
            Some(Scored::Failed(RequestError::TurnTooLong { .. })) => Some("too_long"),
            Some(Scored::Failed(RequestError::Template { .. })) => Some("not_encoded"),
            Some(Scored::Failed(_)) => Some("not_scored"),
            None => Some("not_asked"),
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
