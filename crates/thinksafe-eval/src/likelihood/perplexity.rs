//! The perplexity of texts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thinksafe_core::likelihood::{Likelihood, TurnLikelihood};
use thinksafe_core::prompt::PromptLabel;
use thinksafe_core::seed::Seed;

use super::log::{Likelihoods, Text};
use crate::statistics::{Interval, Summary, bootstrap_ratio};

/// The perplexity of texts: of the whole turns, and of their parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Perplexity {
    /// How many texts have a likelihood.
    pub texts: u64,
    /// How many have none, by reason: `too_long`, `not_encoded`, `not_scored`, `not_asked`.
    pub unscored: BTreeMap<String, u64>,
    /// All that the model writes: what fine-tuning supervises. Absent if no text has a likelihood.
    pub turn: Option<PartPerplexity>,
    /// The thinking and its marks; absent if no text thinks.
    pub thinking: Option<PartPerplexity>,
    /// The answer and the token that ends the turn.
    pub answer: Option<PartPerplexity>,
}

/// The perplexity of one part of many texts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartPerplexity {
    /// Tokens of that part, over all texts.
    pub tokens: u64,
    /// The mean negative log-probability of a token, over all tokens, in nats; the interval is that of a bootstrap over
    /// prompts.
    pub nats: Interval,
    /// Its exponential.
    pub perplexity: Interval,
    /// The mean of each text for itself, in nats a token: a long text weighs as much as a short one.
    pub each: Summary,
}

/// How often prompts are drawn anew for an interval.
const RESAMPLES: u32 = 2000;

impl Perplexity {
    /// The perplexity of texts. Texts of one cluster are one unit for the intervals, whose draws `seed` settles.
    pub fn of<'t>(
        texts: impl IntoIterator<Item = &'t Text>,
        found: &Likelihoods,
        seed: Seed,
    ) -> Self {
        let texts: Vec<&Text> = texts.into_iter().collect();
        let scored: Vec<(&str, TurnLikelihood)> = texts
            .iter()
            .filter_map(|text| Some((text.cluster.as_str(), found.likelihood(text)?)))
            .collect();
        let part = |of: fn(&TurnLikelihood) -> Likelihood| {
            let parts: Vec<(&str, Likelihood)> =
                scored.iter().map(|(cluster, turn)| (*cluster, of(turn))).collect();
            PartPerplexity::of(&parts, seed)
        };
        Self {
            texts: scored.len() as u64,
            unscored: found.missing(texts.iter().copied()),
            turn: part(TurnLikelihood::turn),
            thinking: part(|turn| turn.thinking),
            answer: part(|turn| turn.answer),
        }
    }
}

impl PartPerplexity {
    /// The perplexity of stretches of tokens, each with its cluster; empty ones do not count. `None` if no token is left.
    fn of(parts: &[(&str, Likelihood)], seed: Seed) -> Option<Self> {
        let parts: Vec<_> = parts.iter().filter(|(_, part)| part.tokens > 0).collect();
        let sums: Vec<(&str, f64, f64)> = parts
            .iter()
            .map(|(cluster, part)| (*cluster, -part.log_prob, part.tokens as f64))
            .collect();
        let each: Vec<f64> = sums.iter().map(|(_, nats, tokens)| nats / tokens).collect();
        let nats = bootstrap_ratio(&sums, RESAMPLES, seed)?;
        let Interval { value, low, high } = nats;
        Some(Self {
            tokens: parts.iter().map(|(_, part)| part.tokens).sum(),
            nats,
            perplexity: Interval { value: value.exp(), low: low.exp(), high: high.exp() },
            each: Summary::of(&each)?,
        })
    }
}

/// The perplexity of the texts of each label; texts without one are left out.
pub fn perplexity_by_label(
    texts: &[Text],
    found: &Likelihoods,
    seed: Seed,
) -> BTreeMap<PromptLabel, Perplexity> {
    let mut by_label: BTreeMap<PromptLabel, Vec<&Text>> = BTreeMap::new();
    for text in texts {
        if let Some(label) = text.label {
            by_label.entry(label).or_default().push(text);
        }
    }
    let perplexity = |(label, texts)| (label, Perplexity::of(texts, found, seed));
    by_label.into_iter().map(perplexity).collect()
}

#[cfg(test)]
mod tests {
    use thinksafe_core::likelihood::TurnScorer;
    use thinksafe_core::log::RecordLog;

    use super::super::log::score_texts;
    use super::super::log::tests::{Counting, text};
    use super::*;

    fn scored(texts: &[Text]) -> Likelihoods {
        let dir = tempfile::tempdir().unwrap();
        let (path, mut model) = (dir.path().join("log.jsonl"), Counting::new("m"));
        let mut log = RecordLog::open(&path).unwrap();
        score_texts(&mut model, texts, &mut log, &mut |_| {}).unwrap();
        Likelihoods::read(&path, model.scorer()).unwrap()
    }

    #[test]
    fn tokens_weigh_alike_in_the_mean_and_texts_in_the_distribution() {
        // Half a nat for each letter of thinking, one for each of the answer.
        let texts = [text("a", "hmmmmm", "no"), text("b", "", "no"), text("c", "hm", "")];
        let texts = texts.map(|text| text.labeled(PromptLabel::VanillaHarmful));
        let found = scored(&texts);
        let perplexity = Perplexity::of(&texts, &found, Seed(1));
        assert_eq!((perplexity.texts, perplexity.unscored["too_long"]), (2, 1));
        let turn = perplexity.turn.unwrap();
        assert_eq!(turn.tokens, 10);
        assert!((turn.nats.value - 0.7).abs() < 1e-12, "{turn:?}");
        assert!((turn.perplexity.value - 0.7f64.exp()).abs() < 1e-12);
        assert!((turn.each.mean.value - 0.8125).abs() < 1e-12);
        assert!(turn.nats.low < 0.7 && turn.nats.high > 0.7);
        let (thinking, answer) = (perplexity.thinking.unwrap(), perplexity.answer.unwrap());
        assert_eq!((thinking.tokens, thinking.each.n, answer.tokens), (6, 1, 4));
        assert!(
            (thinking.nats.value - 0.5).abs() < 1e-12 && (answer.nats.value - 1.0).abs() < 1e-12
        );
        let by_label = perplexity_by_label(&texts, &found, Seed(1));
        assert_eq!(by_label[&PromptLabel::VanillaHarmful], Perplexity::of(&texts, &found, Seed(1)));
    }

    #[test]
    fn no_text_has_no_perplexity() {
        let none = Perplexity::of(&[], &scored(&[]), Seed(1));
        assert_eq!((none.texts, none.turn), (0, None));
    }
}
