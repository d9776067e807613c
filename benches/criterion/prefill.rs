//! Prefill: one token after long prompts, none of which begins like another.

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use thinksafe_benches::shape::Shape;
use thinksafe_benches::{checkpoint, engine, load};
use thinksafe_runtime::{EngineOptions, Placement};

fn main() {
    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    prefill(&mut criterion);
    criterion.final_summary();
}

fn prefill(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let config = Shape::Tiny.config();
    checkpoint::write(dir.path(), &config).expect("a checkpoint");
    let options = EngineOptions::default();
    let mut engine = engine::load(dir.path(), Placement::CPU_F32, options).expect("an engine");
    let mut group = criterion.benchmark_group("prefill");
    let mut seed = 0;
    for (batch, context) in [(1, 256), (8, 64)] {
        let name = BenchmarkId::from_parameter(format!("{batch}x{context}"));
        group.throughput(Throughput::Elements(batch as u64 * context as u64));
        group.bench_with_input(name, &(batch, context), |bencher, &(batch, context)| {
            // New prompts each time: the engine would know the keys and values of the old ones.
            let load = || {
                seed += 1;
                load::even(seed, batch, context, 1, config.vocab_size)
            };
            let serve = |load: Vec<_>| engine::serve(&mut engine, &load).expect("all texts");
            bencher.iter_batched(load, serve, BatchSize::PerIteration);
        });
    }
    group.finish();
}
