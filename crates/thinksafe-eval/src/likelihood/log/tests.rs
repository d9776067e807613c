//! Scoring into the log.

use thinksafe_core::likelihood::{Likelihood, ScoredTurn};

use super::*;

/// Scores a turn by its number of characters, fails on empty answers, and gives up after a number of turns.
pub(crate) struct Counting {
    pub(crate) identity: Identity,
    pub(crate) most: usize,
}

impl Counting {
    pub(crate) fn new(name: &str) -> Self {
        let hash = ContentHash::of_bytes(name);
        let (engine, model) = ("counting".to_owned(), name.to_owned());
        let identity =
            Identity { engine, model, weights: hash.clone(), template: hash, adapter: None };
        Self { identity, most: usize::MAX }
    }
}

impl TurnScorer for Counting {
    fn scorer(&self) -> &Identity {
        &self.identity
    }

    fn score_turns(
        &mut self,
        turns: &mut dyn Iterator<Item = GivenTurn>,
        sink: &mut dyn FnMut(ScoredTurn) -> Result<(), thinksafe_core::Error>,
    ) -> Result<(), thinksafe_core::Error> {
        for GivenTurn { id, messages, trace } in turns.take(self.most) {
            let part = |text: &str, nats: f64| {
                let tokens = text.chars().count() as u64;
                Likelihood { tokens, log_prob: -(tokens as f64) * nats }
            };
            let thinking = part(trace.thinking.as_deref().unwrap_or_default(), 0.5);
            let answer = part(&trace.answer, messages.len() as f64);
            let too_long = RequestError::TurnTooLong { tokens: 9, limit: 8 };
            let scored = Ok(TurnLikelihood { thinking, answer });
            let outcome = if trace.answer.is_empty() { Err(too_long) } else { scored };
            sink(ScoredTurn { id, outcome })?;
        }
        Ok(())
    }
}

pub(crate) fn text(cluster: &str, thinking: &str, answer: &str) -> Text {
    let trace = Trace { thinking: Some(thinking.to_owned()), answer: answer.to_owned() };
    Text::new(cluster, format!("ask {cluster}"), trace)
}

#[test]
fn what_was_scored_is_not_scored_again_and_equal_turns_are_scored_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("likelihoods.jsonl");
    let texts =
        [text("a", "hm", "no"), text("b", "hm", ""), text("a", "hm", "no"), text("c", "", "no")];
    let mut model = Counting::new("m");
    let mut log = RecordLog::open(&path).unwrap();
    model.most = 1;
    let stopped = score_texts(&mut model, &texts, &mut log, &mut |_| {}).unwrap_err();
    assert!(matches!(stopped, Error::Unanswered { missing: 2, .. }), "{stopped}");
    model.most = usize::MAX;
    let counts = score_texts(&mut model, &texts, &mut log, &mut |_| {}).unwrap();
    assert_eq!((counts.done_before, counts.done_now, counts.failed), (1, 2, 1));
    let mut total = 0;
    let counts = score_texts(&mut Counting::new("n"), &texts, &mut log, &mut |p| total = p.total);
    assert_eq!((counts.unwrap().done_now, total), (3, 3), "another model's are others");

    let found = Likelihoods::read(&path, &model.identity).unwrap();
    assert_eq!(
        found.likelihood(&texts[0]).unwrap().turn(),
        Likelihood { tokens: 4, log_prob: -3.0 }
    );
    assert_eq!(found.likelihood(&texts[2]), found.likelihood(&texts[0]));
    let missing = found.missing(&[texts[1].clone(), text("d", "", "yes")]);
    assert_eq!(missing, BTreeMap::from([("too_long".to_owned(), 1), ("not_asked".to_owned(), 1)]));
}

#[test]
fn what_is_not_finite_is_no_likelihood() {
    let log_prob = f64::NEG_INFINITY;
    let answer = Likelihood { tokens: 1, log_prob };
    let outcome = Scored::from(Ok(TurnLikelihood { answer, ..TurnLikelihood::default() }));
    assert!(matches!(outcome, Scored::Failed(RequestError::Invalid { .. })), "{outcome:?}");
}
