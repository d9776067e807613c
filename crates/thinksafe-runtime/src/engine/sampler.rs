//! From a row of logits to a token.

use thinksafe_core::sampling::Sampling;
use thinksafe_kernels::Pool;

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
    if logits.iter().any(|logit| !logit.is_finite()) {
        return Drawn::NotFinite;
    }
    let id = choose(&mut logits.to_vec(), draw);
    let logprobs = draw.logprobs.map(|asked| logprobs(logits, asked, id));
    Drawn::Token { id, logprobs }
}

/// Draws from each row of logits, the rows on all threads.
pub(crate) fn draw_rows(pool: &Pool, logits: &[f32], draws: &[Draw<'_>]) -> Vec<Drawn> {
    let width = logits.len() / draws.len().max(1);
    let mut drawn = vec![Drawn::NotFinite; draws.len()];
    pool.for_each_chunk(&mut drawn, 1, &|row, drawn| {
        drawn[0] = draw_token(&logits[row * width..][..width], &draws[row]);
    });
    drawn
}

/// The choice from finite logits, to which the penalties are applied in place.
fn choose(logits: &mut [f32], draw: &Draw<'_>) -> u32 {
    penalize(logits, draw);
    if draw.sampling.is_greedy() {
        return most_likely(logits);
    }
    let kept = kept(logits, draw.sampling);
    let total: f64 = kept.iter().map(|(_, weight)| weight).sum();
    let mut left = draw.uniform * total;
    for (id, weight) in &kept {
        left -= weight;
        if left < 0.0 {
            return *id;
        }
    }
    // The draw is below 1, so only rounding of the sum leads here.
    kept.last().map_or(0, |(id, _)| *id)
}

/// The first of the largest logits.
fn most_likely(logits: &[f32]) -> u32 {
    let mut best = 0;
    for (id, logit) in logits.iter().enumerate() {
        if *logit > logits[best] {
            best = id;
        }
    }
    best as u32
}

fn penalize(logits: &mut [f32], draw: &Draw<'_>) {
    let sampling = draw.sampling;
    let unique = |tokens: &[u32]| {
        let mut tokens = tokens.to_vec();
        tokens.sort_unstable();
        tokens.dedup();
        tokens
    };
    let repetition = sampling.repetition_penalty as f32;
    if sampling.repetition_penalty != 1.0 {
        for id in unique(draw.tokens) {
            let logit = &mut logits[id as usize];
            *logit = if *logit > 0.0 { *logit / repetition } else { *logit * repetition };
        }
    }
    if sampling.presence_penalty != 0.0 {
        for id in unique(&draw.tokens[draw.prompt..]) {
            logits[id as usize] -= sampling.presence_penalty as f32;
        }
    }
}

/// The tokens that may be drawn, most likely first, with weights relative to the most likely one.
///
/// As in `transformers`, each filter sees the distribution that the one before left: top-p's mass is that of the
/// top-k tokens, and it keeps the token that crosses the threshold.
fn kept(logits: &[f32], sampling: &Sampling) -> Vec<(u32, f64)> {
    let most = logits.iter().fold(f32::NEG_INFINITY, |a, b| a.max(*b));
    let temperature = sampling.temperature;
    let weight = |logit: f32| (f64::from(logit - most) / temperature).exp();
    let mut kept: Vec<(u32, f64)>;
    let total: f64;
    if sampling.top_k > 0 && (sampling.top_k as usize) < logits.len() {
        let top = top(logits, sampling.top_k as usize);
        kept = top.into_iter().map(|(id, logit)| (id, weight(logit))).collect();
        total = kept.iter().map(|(_, weight)| weight).sum();
    } else {
        total = logits.iter().map(|logit| weight(*logit)).sum();
        kept = nucleus(logits, sampling.top_p * total, &weight);
    }
    if sampling.top_p < 1.0 {
        let mut before = 0.0;
        kept.retain(|(_, weight)| {
            let keep = before < sampling.top_p * total;
            before += weight;
            keep
        });
    }
    if sampling.min_p > 0.0 {
        kept.retain(|(_, weight)| *weight >= sampling.min_p);
    }
    kept
}

/// The `k` largest logits and every one equal to the smallest of them (as `transformers` keeps them), largest first.
fn top(logits: &[f32], k: usize) -> Vec<(u32, f32)> {
    let mut values = logits.to_vec();
    let (_, threshold, _) = values.select_nth_unstable_by(k - 1, |a, b| b.total_cmp(a));
    let threshold = *threshold;
    let mut top: Vec<(u32, f32)> =
        (0..).zip(logits.iter().copied()).filter(|(_, logit)| *logit >= threshold).collect();
    top.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    top
}

/// The most likely tokens until their weights reach `mass`, most likely first; all if they never do.
///
/// Vocabularies are large and nuclei small: ever larger heads are sorted until one is enough.
fn nucleus(logits: &[f32], mass: f64, weight: &dyn Fn(f32) -> f64) -> Vec<(u32, f64)> {
    let mut size = 64;
    while size < logits.len() {
        let head = top(logits, size);
        let head: Vec<_> = head.into_iter().map(|(id, logit)| (id, weight(logit))).collect();
        if head.iter().map(|(_, weight)| weight).sum::<f64>() >= mass {
            return head;
        }
        size *= 8;
    }
    let all = top(logits, logits.len());
    all.into_iter().map(|(id, logit)| (id, weight(logit))).collect()
}

/// The log-probabilities asked for, of the model's own distribution; `logits` are as the model gave them.
fn logprobs(logits: &[f32], asked: Asked<'_>, chosen: u32) -> DrawnLogprobs {
    let most = f64::from(logits.iter().fold(f32::NEG_INFINITY, |a, b| a.max(*b)));
    let sum: f64 = logits.iter().map(|logit| (f64::from(*logit) - most).exp()).sum();
    let logprob = |id: u32| f64::from(logits[id as usize]) - most - sum.ln();
    let count = asked.top.min(logits.len());
    let mut top = if count > 0 { top(logits, count) } else { Vec::new() };
    top.truncate(count);
    DrawnLogprobs {
        chosen: logprob(chosen),
        top: top.into_iter().map(|(id, _)| (id, logprob(id))).collect(),
        of: asked.of.iter().map(|id| logprob(*id)).collect(),
    }
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn penalties_touch_seen_tokens_once() {
        let both = Sampling { repetition_penalty: 2.0, presence_penalty: 0.5, ..sampling() };
        let mut logits = [1.0, -1.0, 4.0, 3.0];
        penalize(&mut logits, &from(&both, &[0, 0, 1, 2, 2], 3));
        assert_eq!(logits, [0.5, -2.0, 1.5, 3.0]);
    }

    #[test]
    fn greedy_takes_the_first_of_the_largest() {
        assert_eq!(draw(&[0.0, 2.0, 2.0], &Sampling::greedy(1), 0.9), 1);
    }

    #[test]
    fn log_probabilities_are_of_the_whole_distribution() {
        let found = logprobs(&four(), Asked { top: 2, of: &[3] }, 1);
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
            penalize(&mut case.logits, &from(&sampling, &case.seen, case.seen.len()));
            let kept = kept(&case.logits, &sampling);
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
