//! Likelihoods of given turns: encoded as a trainer would, scored many at a time.

use std::ops::Range;

use thinksafe_chat::{Segments, SpanKind};
use thinksafe_core::generate::{Generate, Identity, RequestError};
use thinksafe_core::likelihood::{GivenTurn, Likelihood, ScoredTurn, TurnLikelihood, TurnScorer};

use super::sequence::with_causes;
use crate::engine::LocalGenerator;

/// Tokens of the turns, conversations included, that are held at a time.
const HELD_TOKENS: usize = 1 << 16;

impl TurnScorer for LocalGenerator {
    fn scorer(&self) -> &Identity {
        Generate::identity(self)
    }

    fn score_turns(
        &mut self,
        turns: &mut dyn Iterator<Item = GivenTurn>,
        sink: &mut dyn FnMut(ScoredTurn) -> Result<(), thinksafe_core::Error>,
    ) -> Result<(), thinksafe_core::Error> {
        let mut turns = turns.peekable();
        while turns.peek().is_some() {
            let (mut held, mut tokens) = (Vec::new(), 0);
            for GivenTurn { id, messages, trace } in turns.by_ref() {
                let encoded = self.chat.encode_example(&messages, &trace);
                let encoded = encoded
                    .map_err(|error| RequestError::Template { reason: with_causes(&error) })
                    .and_then(|segments| self.fitting(segments));
                match encoded {
                    Ok(segments) => {
                        tokens += segments.ids.len();
                        held.push((id, segments));
                    }
                    Err(error) => sink(ScoredTurn { id, outcome: Err(error) })?,
                }
                if tokens >= HELD_TOKENS {
                    break;
                }
            }
            self.score_encoded(held, sink)?;
        }
        Ok(())
    }
}

impl LocalGenerator {
    /// The example, if the model's context and vocabulary hold it.
    fn fitting(&self, segments: Segments) -> Result<Segments, RequestError> {
        let (tokens, limit) = (segments.ids.len(), self.model.config().max_position_embeddings);
        if tokens > limit { Err(RequestError::TurnTooLong { tokens, limit }) } else { Ok(segments) }
    }

    fn score_encoded(
        &mut self,
        held: Vec<(u64, Segments)>,
        sink: &mut dyn FnMut(ScoredTurn) -> Result<(), thinksafe_core::Error>,
    ) -> Result<(), thinksafe_core::Error> {
        let texts: Vec<Vec<u32>> = held.iter().map(|(_, segments)| segments.ids.clone()).collect();
        let found = self.score(&texts).map_err(|error| {
            let engine = self.scorer().engine.clone();
            thinksafe_core::Error::Engine { engine, source: Box::new(error) }
        })?;
        for ((id, segments), log_probs) in held.into_iter().zip(found) {
            sink(ScoredTurn { id, outcome: Ok(likelihood(&segments, &log_probs)) })?;
        }
        Ok(())
    }
}

/// Sums log-probabilities over the parts of a turn; `log_probs` begins with the second token's.
fn likelihood(segments: &Segments, log_probs: &[f64]) -> TurnLikelihood {
    let of = |kinds: &[SpanKind]| {
        let ranges: Vec<Range<usize>> = kinds.iter().map(|kind| segments.range(*kind)).collect();
        let of_tokens =
            ranges.into_iter().flatten().filter_map(|at| log_probs.get(at.checked_sub(1)?));
        of_tokens.fold(Likelihood::default(), |sum, log_prob| Likelihood {
            tokens: sum.tokens + 1,
            log_prob: sum.log_prob + log_prob,
        })
    };
    TurnLikelihood {
        thinking: of(&[SpanKind::ThinkOpen, SpanKind::Thinking, SpanKind::ThinkClose]),
        answer: of(&[SpanKind::Answer, SpanKind::EndOfTurn]),
    }
}
