//! From a row of logits to a token.

use std::borrow::Cow;

use thinksafe_core::sampling::Sampling;
use thinksafe_kernels::{Level, Pool};

use crate::engine::candidates::{Row, Token, Weights};
use crate::engine::draw::{Asked, Draw, Drawn, DrawnLogprobs};

/// Draws a token from a row of logits, for engines of one's own; [`LocalGenerator`](crate::LocalGenerator) draws so.
///
/// Penalties, temperature, top-k, top-p and min-p apply in that order, as in `transformers`; the token is where the
/// cumulative distribution, most likely token first, exceeds the uniform draw. Ties are ordered by id, so that the
/// choice is a function of the arguments.
///
/// # Panics
/// If a token that a penalty or a log-probability is asked for is not below the number of logits.
///
/// ```
/// use thinksafe_core::sampling::Sampling;
/// use thinksafe_runtime::{Draw, Drawn, draw_token};
///
/// let sampling = Sampling { temperature: 1.0, top_p: 0.9, ..Sampling::default() };
/// let draw =
///     Draw { sampling: &sampling, tokens: &[], prompt: 0, uniform: 0.7, logprobs: None };
/// // Probabilities 0.5, 0.1, 0.3, 0.1: the draw falls on the second most likely token.
/// let logits = [0.5f32, 0.1, 0.3, 0.1].map(f32::ln);
/// assert_eq!(draw_token(&logits, &draw), Drawn::Token { id: 2, logprobs: None });
/// ```
pub fn draw_token(logits: &[f32], draw: &Draw<'_>) -> Drawn {
    draw_at(Level::detect(), logits, draw).unwrap_or(Drawn::NotFinite)
}

/// Draws from each row of logits, the rows on all threads.
pub(crate) fn draw_rows(pool: &Pool, logits: &[f32], draws: &[Draw<'_>]) -> Vec<Drawn> {
    let width = logits.len() / draws.len().max(1);
    let mut drawn = vec![Drawn::NotFinite; draws.len()];
    pool.for_each_chunk(&mut drawn, 1, &|row, drawn| {
        let logits = &logits[row * width..][..width];
        drawn[0] = draw_at(pool.level(), logits, &draws[row]).unwrap_or(Drawn::NotFinite);
    });
    drawn
}

/// `None` if the logits are not finite, as the model gave them or after the penalties.
fn draw_at(level: Level, logits: &[f32], draw: &Draw<'_>) -> Option<Drawn> {
    let row = Row::new(level, logits)?;
    let id = match penalized(logits, draw) {
        Cow::Borrowed(_) => choose(&row, draw),
        Cow::Owned(penalized) => choose(&Row::new(level, &penalized)?, draw),
    };
    let logprobs = draw.logprobs.map(|asked| logprobs(&row, asked, id));
    Some(Drawn::Token { id, logprobs })
}

fn choose(row: &Row<'_>, draw: &Draw<'_>) -> u32 {
    if draw.sampling.is_greedy() {
        return row.most_likely();
    }
    let weights = row.weights(draw.sampling.temperature);
    let Kept { mut tokens, mass } = Kept::new(row, &weights, draw);
    let place = weights.place(&mut tokens, |sum| sum > draw.uniform * mass);
    tokens.get(place).map_or(0, |token| token.id())
}

/// The logits with the penalties taken off.
fn penalized<'a>(logits: &'a [f32], draw: &Draw<'_>) -> Cow<'a, [f32]> {
    let mut logits = Cow::Borrowed(logits);
    let Sampling { repetition_penalty, presence_penalty, .. } = *draw.sampling;
    let repetition = repetition_penalty as f32;
    if repetition_penalty != 1.0 {
        for_each_distinct(draw.tokens, logits.to_mut(), |logit| {
            *logit = if *logit > 0.0 { *logit / repetition } else { *logit * repetition };
        });
    }
    if presence_penalty != 0.0 {
        let presence = presence_penalty as f32;
        for_each_distinct(&draw.tokens[draw.prompt..], logits.to_mut(), |l| *l -= presence);
    }
    logits
}

/// Changes the logit of each token once, however often it was seen.
fn for_each_distinct(tokens: &[u32], logits: &mut [f32], change: impl Fn(&mut f32)) {
    let mut seen = vec![0u64; logits.len().div_ceil(64)];
    for id in tokens.iter().map(|id| *id as usize) {
        let (word, bit) = (&mut seen[id / 64], 1 << (id % 64));
        if *word & bit == 0 {
            *word |= bit;
            change(&mut logits[id]);
        }
    }
}

/// The tokens that may be drawn, in no order.
struct Kept {
    /// All of them; or, where no filter cuts them, enough of the most likely ones to hold the draw.
    tokens: Vec<Token>,
    /// The weight of all of them.
    mass: f64,
}

impl Kept {
    /// As in `transformers`, each filter sees the distribution that the one before left: top-p's mass is that of the
    /// top-k tokens, and it keeps the token that crosses the threshold.
    fn new(row: &Row<'_>, weights: &Weights, draw: &Draw<'_>) -> Self {
        let Sampling { top_k, top_p, min_p, .. } = *draw.sampling;
        let (mut tokens, mut mass);
        if top_k > 0 && (top_k as usize) < row.logits().len() {
            tokens = row.top(top_k as usize);
            mass = weights.sum(&tokens);
        } else {
            mass = row.mass(weights);
            let share = if top_p < 1.0 { top_p } else { draw.uniform };
            // What min-p drops need not be looked at, but it is part of the mass.
            let floor = if min_p > 0.0 { weights.floor(min_p) } else { f32::NEG_INFINITY };
            let enough = if min_p > 0.0 && top_p == 1.0 { mass } else { share * mass };
            tokens = row.head(weights, enough, floor);
        }
        if top_p < 1.0 {
            let last = weights.place(&mut tokens, |sum| sum >= top_p * mass);
            tokens.truncate(last + 1);
        }
        if min_p > 0.0 {
            tokens.retain(|token| weights.of(token.logit()) >= min_p);
        }
        if top_p < 1.0 || min_p > 0.0 {
            mass = weights.sum(&tokens);
        }
        Self { tokens, mass }
    }
}

/// The log-probabilities asked for, of the model's own distribution; `row` is as the model gave it.
fn logprobs(row: &Row<'_>, asked: Asked<'_>, chosen: u32) -> DrawnLogprobs {
    let weights = row.weights(1.0);
    let normalizer = row.mass(&weights).ln();
    let logprob = |id: u32| weights.log(row.logits()[id as usize]) - normalizer;
    let count = asked.top.min(row.logits().len());
    let mut top = if count > 0 { row.top(count) } else { Vec::new() };
    top.sort_unstable();
    top.truncate(count);
    DrawnLogprobs {
        chosen: logprob(chosen),
        top: top.into_iter().map(|token| (token.id(), logprob(token.id()))).collect(),
        of: asked.of.iter().map(|id| logprob(*id)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use thinksafe_core::seed::Philox;

    use super::*;

    fn sampling() -> Sampling {
        Sampling { temperature: 1.0, top_p: 1.0, ..Sampling::default() }
    }

    fn from<'a>(sampling: &'a Sampling, tokens: &'a [u32], prompt: usize) -> Draw<'a> {
        Draw { sampling, tokens, prompt, uniform: 0.0, logprobs: None }
    }

    fn draw(logits: &[f32], sampling: &Sampling, uniform: f64) -> u32 {
        let draw = Draw { uniform, ..from(sampling, &[], 0) };
        let Drawn::Token { id, .. } = draw_token(logits, &draw) else { panic!("not finite") };
        id
    }

    /// The logits of the probabilities 0.5, 0.1, 0.3, 0.1.
    fn four() -> Vec<f32> {
        [0.5f32, 0.1, 0.3, 0.1].map(f32::ln).into()
    }

    /// The tokens that may be drawn, most likely first, with their weights. The largest draw needs all of them.
    fn kept(logits: &[f32], sampling: &Sampling) -> Vec<(u32, f64)> {
        let draw = Draw { uniform: 1.0, ..from(sampling, &[], 0) };
        let row = Row::new(Level::detect(), logits).unwrap();
        let weights = row.weights(sampling.temperature);
        let Kept { mut tokens, mass } = Kept::new(&row, &weights, &draw);
        tokens.sort_unstable();
        let kept: Vec<_> = tokens.iter().map(|t| (t.id(), weights.of(t.logit()))).collect();
        let sum: f64 = kept.iter().map(|(_, weight)| weight).sum();
        assert!((sum - mass).abs() <= 1e-12 * mass, "{sum} and {mass}");
        kept
    }

    fn ids(logits: &[f32], sampling: &Sampling) -> Vec<u32> {
        kept(logits, sampling).into_iter().map(|(id, _)| id).collect()
    }

    #[test]
    fn draws_follow_the_distribution() {
        let n = 10_000;
        let mut counts = [0; 4];
        for i in 0..n {
            counts[draw(&four(), &sampling(), (f64::from(i) + 0.5) / f64::from(n)) as usize] += 1;
        }
        assert_eq!(counts, [5000, 1000, 3000, 1000]);
    }

    #[test]
    fn filters_keep_what_transformers_keeps() {
        let base = sampling();
        assert_eq!(ids(&four(), &base), [0, 2, 1, 3]);
        assert_eq!(ids(&four(), &Sampling { top_k: 2, ..base.clone() }), [0, 2]);
        // A tie at the border of top-k stays whole.
        assert_eq!(ids(&four(), &Sampling { top_k: 3, ..base.clone() }), [0, 2, 1, 3]);
        assert_eq!(ids(&four(), &Sampling { top_p: 0.49, ..base.clone() }), [0]);
        assert_eq!(ids(&four(), &Sampling { top_p: 0.51, ..base.clone() }), [0, 2]);
        // Of the two that top-k leaves, the first has 0.625 of the mass.
        let both = Sampling { top_k: 2, top_p: 0.6, ..base.clone() };
        assert_eq!(ids(&four(), &both), [0]);
        assert_eq!(ids(&four(), &Sampling { min_p: 0.5, ..base.clone() }), [0, 2]);
        // At a low temperature the first outweighs all others.
        let cold = Sampling { temperature: 0.1, top_p: 0.95, ..base };
        assert_eq!(ids(&four(), &cold), [0]);
    }

    #[test]
    fn a_nucleus_of_a_large_vocabulary_is_that_of_a_full_sort() {
        let logits: Vec<f32> = (0..3000).map(|i| ((i * 7919) % 3000) as f32 / 500.0).collect();
        for top_p in [0.01, 0.3, 0.9, 0.999] {
            let kept = kept(&logits, &Sampling { top_p, ..sampling() });
            let mut all: Vec<f64> = logits.iter().map(|l| f64::from(*l).exp()).collect();
            all.sort_by(|a, b| b.total_cmp(a));
            let total: f64 = all.iter().sum();
            let mut before = 0.0;
            let expected = all
                .iter()
                .take_while(|w| {
                    let keep = before < top_p * total;
                    before += **w;
                    keep
                })
                .count();
            assert_eq!(kept.len(), expected, "top-p {top_p}");
        }
    }

    /// Everything sorted, everything summed: what is computed without sorting must choose the same.
    fn plainly(logits: &[f32], draw: &Draw<'_>) -> u32 {
        let Sampling { temperature, top_k, top_p, min_p, .. } = *draw.sampling;
        let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let weight = |logit: f32| (f64::from(logit) - f64::from(most)) / temperature;
        let mut all: Vec<(u32, f32)> = (0..).zip(logits.iter().copied()).collect();
        all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        if let Some((_, last)) = (top_k as usize).checked_sub(1).and_then(|k| all.get(k)).copied() {
            all.retain(|(_, logit)| *logit >= last);
        }
        let mut all: Vec<(u32, f64)> = all.iter().map(|(i, l)| (*i, weight(*l).exp())).collect();
        let (total, mut before) = (all.iter().map(|(_, w)| w).sum::<f64>(), 0.0);
        all.retain(|(_, weight)| {
            let keep = top_p == 1.0 || before < top_p * total;
            before += weight;
            keep && *weight >= min_p
        });
        let target = draw.uniform * all.iter().map(|(_, w)| w).sum::<f64>();
        let mut sum = 0.0;
        let reached = |(_, weight): &&(u32, f64)| {
            sum += weight;
            sum > target
        };
        all.iter().find(reached).unwrap_or(all.last().unwrap()).0
    }

    /// Rows like a trained model's, like an untrained one's, and with many ties.
    fn rows(length: u64) -> [Vec<f32>; 3] {
        let noise = Philox::new(length);
        let bell = |i| (0..6).map(|n| noise.uniform(6 * i + n)).sum::<f64>() - 3.0;
        let row = |f: &dyn Fn(u64) -> f64| (0..length).map(|i| f(i) as f32).collect();
        [
            row(&|i| if i % 97 == 5 { 12.0 + 3.0 * bell(i) } else { 4.0 * bell(i) }),
            row(&bell),
            row(&|i| (2.0 * bell(i)).round() / 2.0),
        ]
    }

    #[test]
    fn choices_are_those_of_a_full_sort_at_every_level() {
        let all = [
            sampling(),
            Sampling { temperature: 0.6, top_p: 0.95, ..sampling() },
            Sampling { top_p: 0.3, min_p: 0.02, ..sampling() },
            Sampling { temperature: 1.7, min_p: 0.2, ..sampling() },
            Sampling { top_k: 20, top_p: 0.9, ..sampling() },
            Sampling { top_k: 3000, ..sampling() },
            Sampling { temperature: 1e-320, ..sampling() },
        ];
        let uniform = Philox::new(3);
        for length in [1, 2, 64, 65, 1000, 9001] {
            for (row, logits) in rows(length).iter().enumerate() {
                for (number, sampling) in all.iter().enumerate() {
                    for i in 0..6 {
                        let draw = Draw { uniform: uniform.uniform(i), ..from(sampling, &[], 0) };
                        let expected = plainly(logits, &draw);
                        for level in Level::available() {
                            let found = draw_at(level, logits, &draw);
                            let expected = Some(Drawn::Token { id: expected, logprobs: None });
                            assert_eq!(found, expected, "{length}, row {row}, settings {number}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn rows_are_drawn_alike_by_any_number_of_threads() {
        let sampling = Sampling { temperature: 0.6, top_p: 0.95, ..sampling() };
        let logits = rows(5000).concat();
        let asked = Some(Asked { top: 3, of: &[1, 2] });
        let draws = [0.1, 0.5, 0.9].map(|uniform| Draw {
            uniform,
            logprobs: asked,
            ..from(&sampling, &[], 0)
        });
        let expected: Vec<Drawn> =
            logits.chunks(5000).zip(&draws).map(|(row, draw)| draw_token(row, draw)).collect();
        for threads in 1..4 {
            assert_eq!(draw_rows(&Pool::new(threads), &logits, &draws), expected);
        }
    }

    #[test]
    fn nothing_is_drawn_from_logits_that_are_not_finite() {
        let penalty = Sampling { repetition_penalty: 1e300, ..sampling() };
        for (logits, sampling) in [([0.0, f32::NAN], &sampling()), ([-1.0, 2.0], &penalty)] {
            assert_eq!(draw_token(&logits, &from(sampling, &[0], 1)), Drawn::NotFinite);
        }
    }

    #[test]
    fn penalties_touch_seen_tokens_once() {
        let both = Sampling { repetition_penalty: 2.0, presence_penalty: 0.5, ..sampling() };
        let found = penalized(&[1.0, -1.0, 4.0, 3.0], &from(&both, &[0, 0, 1, 2, 2], 3));
        assert_eq!(*found, [0.5, -2.0, 1.5, 3.0]);
    }

    #[test]
    fn greedy_takes_the_first_of_the_largest() {
        assert_eq!(draw(&[0.0, 2.0, 2.0], &Sampling::greedy(1), 0.9), 1);
    }

    #[test]
    fn log_probabilities_are_of_the_whole_distribution() {
        let logits = four();
        let row = Row::new(Level::detect(), &logits).unwrap();
        let found = logprobs(&row, Asked { top: 2, of: &[3] }, 1);
        assert!((found.chosen - 0.1f64.ln()).abs() < 1e-6);
        assert!((found.of[0] - 0.1f64.ln()).abs() < 1e-6);
        assert_eq!(found.top.iter().map(|(id, ..)| *id).collect::<Vec<_>>(), [0, 2]);
        assert!((found.top[1].1 - 0.3f64.ln()).abs() < 1e-6);
    }

    /// What `transformers` keeps, and with which probabilities: tests/parity/gen/sampler.py.
    #[test]
    fn distributions_match_the_processors_of_transformers() {
        #[derive(serde::Deserialize)]
        struct Golden {
            cases: Vec<Case>,
        }
        #[derive(serde::Deserialize)]
        struct Case {
            sampling: serde_json::Map<String, serde_json::Value>,
            seen: Vec<u32>,
            logits: Vec<f32>,
            probabilities: Vec<f64>,
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/sampler.json");
        let golden: Golden = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let mut largest = 0.0f64;
        for (number, mut case) in golden.cases.into_iter().enumerate() {
            case.sampling.entry("top_p").or_insert(1.0.into());
            let sampling: Sampling = serde_json::from_value(case.sampling.into()).unwrap();
            let logits = penalized(&case.logits, &from(&sampling, &case.seen, case.seen.len()));
            let kept = kept(&logits, &sampling);
            let total: f64 = kept.iter().map(|(_, weight)| weight).sum();
            let mut ours = vec![0.0; case.logits.len()];
            for (id, weight) in kept {
                ours[id as usize] = weight / total;
            }
            for (ours, theirs) in ours.iter().zip(&case.probabilities) {
                assert_eq!(*ours == 0.0, *theirs == 0.0, "case {number}: {ours} and {theirs}");
                largest = largest.max((ours - theirs).abs());
            }
        }
        assert!(largest < 1e-6, "{largest}");
        println!("largest deviation of a probability: {largest:.1e}");
    }
}
