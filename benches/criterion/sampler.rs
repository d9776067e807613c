//! The sampler: a token from one row of logits over Qwen3's vocabulary.

use criterion::{BenchmarkId, Criterion};
use thinksafe_core::sampling::Sampling;
use thinksafe_core::seed::Philox;
use thinksafe_runtime::{Asked, Draw, draw_token};

/// The length of the row.
const VOCAB: usize = 151_936;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    draws(&mut criterion);
    criterion.final_summary();
}

fn draws(criterion: &mut Criterion) {
    let logits = logits();
    let tokens: Vec<u32> = (0..2000).map(|i| i * 71 % VOCAB as u32).collect();
    let plain = Sampling { temperature: 1.0, top_p: 1.0, ..Sampling::default() };
    let cases = [
        ("greedy", Sampling::greedy(1), None),
        ("temperature", plain.clone(), None),
        ("top-p 0.95", Sampling { top_p: 0.95, temperature: 0.6, ..plain.clone() }, None),
        ("top-k 20, top-p 0.95", Sampling { top_k: 20, top_p: 0.95, ..plain.clone() }, None),
        ("min-p 0.05", Sampling { min_p: 0.05, ..plain.clone() }, None),
        ("repetition penalty", Sampling { repetition_penalty: 1.1, ..plain }, None),
        ("greedy, 20 log-probabilities", Sampling::greedy(1), Some(Asked { top: 20, of: &[7] })),
    ];
    let mut group = criterion.benchmark_group("sampler");
    for (name, sampling, logprobs) in &cases {
        let mut position = 0;
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter(|| {
                position += 1;
                let uniform = Philox::new(2).uniform(position);
                let logprobs = *logprobs;
                draw_token(
                    &logits,
                    &Draw { sampling, tokens: &tokens, prompt: 500, uniform, logprobs },
                )
            });
        });
    }
    group.finish();
}

/// Spread as a trained model's are: nearly normal with a deviation of 3, and a few tokens far ahead.
fn logits() -> Vec<f32> {
    let stream = Philox::new(1);
    let sum = |i: usize| (0..12).map(|part| stream.uniform((12 * i + part) as u64)).sum::<f64>();
    let ahead = |i: usize| if i.is_multiple_of(30_000) { 8.0 } else { 0.0 };
    (0..VOCAB).map(|i| (3.0 * (sum(i) - 6.0) + ahead(i)) as f32).collect()
}
