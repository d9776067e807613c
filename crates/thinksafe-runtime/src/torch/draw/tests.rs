//! The device's sampler on the processor, against the host's and against `transformers`.

use thinksafe_core::sampling::Sampling;
use thinksafe_core::seed::Seed;

use super::*;
use crate::engine::{Asked, draw_token};

/// As the device computes them, on the processor.
fn drawn(rows: &[Vec<f32>], draws: &[Draw<'_>]) -> Vec<Drawn> {
    draw_rows(&tensor(rows), draws)
}

/// As [`rows_of_all_settings_are_drawn_as_the_host_draws_them`].
#[test]
#[ignore = "needs a GPU"]
fn gpu_draws_are_the_hosts() {
    all_settings(crate::Device::cuda(0).unwrap().into());
}

fn tensor(rows: &[Vec<f32>]) -> Tensor {
    Tensor::from_slice(&rows.concat()).view([rows.len() as i64, -1])
}

/// Random rows of 3,000 logits: peaked and flat, with many ties as bf16 leaves them, and without.
fn rows(count: u64) -> Vec<Vec<f32>> {
    let row = |row: u64| {
        let stream = Seed(row).stream();
        let scale = [0.1, 2.0, 12.0][row as usize % 3];
        let logit = |i| {
            let logit = (scale * (stream.uniform(i) + stream.uniform(i + 5000) - 1.0)) as f32;
            if row.is_multiple_of(2) { half::bf16::from_f32(logit).to_f32() } else { logit }
        };
        (0..3000).map(logit).collect()
    };
    (0..count).map(row).collect()
}

/// Settings that exercise every filter alone and with others.
fn settings() -> Vec<Sampling> {
    let base = Sampling { temperature: 1.0, top_p: 1.0, ..Sampling::default() };
    vec![
        base.clone(),
        Sampling::greedy(1),
        Sampling { repetition_penalty: 1.3, ..Sampling::greedy(1) },
        Sampling { top_p: 0.9, temperature: 0.7, ..base.clone() },
        Sampling { top_p: 0.3, ..base.clone() },
        Sampling { top_k: 20, ..base.clone() },
        Sampling { top_k: 1, ..base.clone() },
        Sampling { top_k: 1500, top_p: 0.97, ..base.clone() },
        Sampling { top_k: 20, top_p: 0.95, min_p: 0.05, temperature: 0.6, ..base.clone() },
        Sampling { min_p: 0.2, ..base.clone() },
        Sampling { min_p: 0.001, top_p: 0.999, ..base.clone() },
        Sampling { min_p: 0.99, ..base.clone() },
        Sampling { repetition_penalty: 0.8, presence_penalty: 1.5, ..base.clone() },
        Sampling { presence_penalty: -0.5, top_k: 5000, top_p: 0.5, ..base },
    ]
}

#[test]
fn rows_of_all_settings_are_drawn_as_the_host_draws_them() {
    all_settings(tch::Device::Cpu);
}

fn all_settings(device: tch::Device) {
    let (samples, settings) = (rows(6), settings());
    let tokens: Vec<u32> = (0..50).map(|i| i * 61 % 3000).chain([7, 7, 61]).collect();
    let stream = Seed(9).stream();
    let mut cases = Vec::new();
    for (row, logits) in samples.iter().enumerate() {
        for (i, sampling) in settings.iter().enumerate() {
            let uniform = stream.uniform((row * 100 + i) as u64);
            let asked = Asked { top: [0, 1, 20][i % 3], of: &[5, 2999, 5][..i % 4] };
            let logprobs = (i % 2 == 0).then_some(asked);
            let draw = Draw { sampling, tokens: &tokens, prompt: 40, uniform, logprobs };
            cases.push((logits.clone(), draw));
            for uniform in [0.0, 0.5, 1.0 - f64::EPSILON / 2.0] {
                cases.push((logits.clone(), Draw { uniform, logprobs: None, ..draw }));
            }
        }
    }
    let (logits, draws): (Vec<_>, Vec<_>) = cases.into_iter().unzip();
    let rows = tensor(&logits).to_device(device);
    let heads = attempt(&rows, &draws, Some(HEAD));
    let undecided = heads.iter().filter(|drawn| drawn.is_none()).count();
    assert!(undecided > 10 && undecided < draws.len() / 3, "{undecided} of {}", draws.len());
    for ((logits, draw), found) in logits.iter().zip(&draws).zip(draw_rows(&rows, &draws)) {
        let expected = draw_token(logits, draw);
        close(&found, &expected, &format!("{draw:?}"));
    }
}

/// Ids are equal; log-probabilities are sums in another order.
fn close(found: &Drawn, expected: &Drawn, what: &str) {
    let (Drawn::Token { id, logprobs }, Drawn::Token { id: expected, logprobs: other }) =
        (found, expected)
    else {
        panic!("{found:?} and {expected:?}: {what}")
    };
    assert_eq!(id, expected, "{what}");
    assert_eq!(logprobs.is_some(), other.is_some(), "{what}");
    let (Some(found), Some(expected)) = (logprobs, other) else { return };
    let ids = |l: &DrawnLogprobs| l.top.iter().map(|(id, _)| *id).collect::<Vec<_>>();
    assert_eq!(ids(found), ids(expected), "{what}");
    let values = |l: &DrawnLogprobs| {
        let top = l.top.iter().map(|(_, value)| *value);
        top.chain(l.of.iter().copied()).chain([l.chosen]).collect::<Vec<f64>>()
    };
    assert_eq!(values(found).len(), values(expected).len(), "{what}");
    for (found, expected) in values(found).into_iter().zip(values(expected)) {
        assert!((found - expected).abs() < 1e-9, "{found} and {expected}: {what}");
    }
}

#[test]
fn rows_that_are_not_finite_are_told_apart() {
    let sampling = Sampling::default();
    let greedy = Sampling::greedy(1);
    let mut rows = vec![rows(1).remove(0); 4];
    rows[0][17] = f32::NAN;
    rows[1][2999] = f32::INFINITY;
    rows[2][0] = f32::NEG_INFINITY;
    for sampling in [&sampling, &greedy] {
        let logprobs = Some(Asked { top: 3, of: &[1] });
        let draw = Draw { sampling, tokens: &[1], prompt: 1, uniform: 0.4, logprobs };
        let found = drawn(&rows, &[draw; 4]);
        assert_eq!(found[..3], [Drawn::NotFinite, Drawn::NotFinite, Drawn::NotFinite]);
        close(&found[3], &draw_token(&rows[3], &draw), "the finite row");
    }
}

/// What `transformers` keeps, and with which probabilities: tests/parity/gen/sampler.py.
#[test]
fn draws_are_distributed_as_transformers_has_it() {
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
    let n = 4000;
    for (number, mut case) in golden.cases.into_iter().enumerate() {
        case.sampling.entry("top_p").or_insert(1.0.into());
        let sampling: Sampling = serde_json::from_value(case.sampling.into()).unwrap();
        let draw = |i: usize| Draw {
            sampling: &sampling,
            tokens: &case.seen,
            prompt: case.seen.len(),
            uniform: (i as f64 + 0.5) / n as f64,
            logprobs: None,
        };
        let draws: Vec<Draw<'_>> = (0..n).map(draw).collect();
        let logits = Tensor::from_slice(&case.logits).expand([n as i64, -1], false);
        let mut counts = vec![0u32; case.logits.len()];
        for drawn in draw_rows(&logits, &draws) {
            let Drawn::Token { id, .. } = drawn else { panic!("case {number} is finite") };
            counts[id as usize] += 1;
        }
        for (count, probability) in counts.into_iter().zip(&case.probabilities) {
            let expected = probability * n as f64;
            let fits = (f64::from(count) - expected).abs() <= 1.0 + 1e-3;
            assert!(
                fits && (count == 0 || *probability > 0.0),
                "case {number}: {count} for {expected}"
            );
        }
    }
}
