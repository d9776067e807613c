//! The scheduler: many sequences through a model that costs next to nothing, so that what is left is the engine's own
//! work: admission, plans, pages, draws, texts.

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use serde_json::json;
use thinksafe_benches::{checkpoint, engine, load};
use thinksafe_runtime::{EngineOptions, ModelConfig, Placement};

/// Tokens of each text.
const NEW: u32 = 16;

fn main() {
    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    steps(&mut criterion);
    criterion.final_summary();
}

fn steps(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let config = config();
    checkpoint::write(dir.path(), &config).expect("a checkpoint");
    let mut group = criterion.benchmark_group("scheduler");
    for (sequences, max_batch) in [(64, 64), (256, 256), (256, 16)] {
        let options = EngineOptions { max_batch, threads: 1, ..EngineOptions::default() };
        let mut engine = engine::load(dir.path(), Placement::CPU_F32, options).expect("an engine");
        let name = BenchmarkId::from_parameter(format!("{sequences} in {max_batch}"));
        group.throughput(Throughput::Elements(sequences as u64 * u64::from(NEW)));
        group.bench_with_input(name, &sequences, |bencher, &sequences| {
            let mut seed = 0;
            let load = || {
                seed += 1;
                load::even(seed, sequences, 24, NEW, config.vocab_size)
            };
            let serve = |load: Vec<_>| engine::serve(&mut engine, &load).expect("all texts");
            bencher.iter_batched(load, serve, BatchSize::PerIteration);
        });
    }
    group.finish();
}

/// A decoder of one layer and sixty-four words.
fn config() -> ModelConfig {
    let json = json!({
        "architectures": ["Qwen3ForCausalLM"], "head_dim": 4, "hidden_size": 4,
        "intermediate_size": 4, "max_position_embeddings": 256, "num_attention_heads": 1,
        "num_hidden_layers": 1, "num_key_value_heads": 1, "tie_word_embeddings": true,
        "vocab_size": 64,
    });
    ModelConfig::from_json(&json.to_string(), "config.json".as_ref()).expect("it is supported")
}
