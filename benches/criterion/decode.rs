//! Decoding: tokens after short prompts, for one sequence and for many.

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use thinksafe_benches::shape::Shape;
use thinksafe_benches::{checkpoint, engine, load};
use thinksafe_runtime::{EngineOptions, Placement};

/// Tokens of each text.
const NEW: u32 = 32;

fn main() {
    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    decode(&mut criterion);
    criterion.final_summary();
}

fn decode(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let config = Shape::Tiny.config();
    checkpoint::write(dir.path(), &config).expect("a checkpoint");
    let options = EngineOptions::default();
    let mut engine = engine::load(dir.path(), Placement::CPU_F32, options).expect("an engine");
    let mut group = criterion.benchmark_group("decode");
    for batch in [1, 8, 32] {
        group.throughput(Throughput::Elements(batch as u64 * u64::from(NEW)));
        group.bench_with_input(BenchmarkId::from_parameter(batch), &batch, |bencher, &batch| {
            let mut seed = 0;
            let load = || {
                seed += 1;
                load::even(seed, batch, 2, NEW, config.vocab_size)
            };
            let serve = |load: Vec<_>| engine::serve(&mut engine, &load).expect("all texts");
            bencher.iter_batched(load, serve, BatchSize::PerIteration);
        });
    }
    group.finish();
}
