//! On the CPU the engine is always strict: a record is a function of its key, to the byte. Order, batch, the size of
//! steps, memory and threads change nothing.

use std::path::Path;

use thinksafe_chat::Chat;
use thinksafe_core::log::RecordLog;
use thinksafe_core::prompt::{LabeledPrompt, PromptLabel};
use thinksafe_core::sampling::Sampling;
use thinksafe_core::seed::{Philox, Seed};
use thinksafe_runtime::{
    CausalLm, EngineOptions, LocalGenerator, ModelConfig, Placement, Precision,
};
use thinksafe_tests::golden;
use thinksafe_trace::{Columns, PromptSet, TraceCounts, TraceSettings, generate_traces};

/// Ways to run the same work: sequences at a time, tokens a step, tokens that the memory holds, threads.
const WAYS: [(usize, usize, usize, usize); 5] = [
    (64, 512, 1 << 20, 2),
    (1, 512, 1 << 20, 1),
    (3, 17, 1 << 20, 2),
    (8, 64, 800, 1),
    (64, 200, 2_500, 2),
];

#[test]
fn five_hundred_prompts_give_the_same_records_in_every_order_and_batch() {
    let model = || random(Precision::F32);
    let chat = || Chat::load(golden::path("tokenizer")).unwrap();
    let all = prompts(500);
    let expected = records((model(), chat()), &all, 0);
    assert_eq!(expected.lines.len(), 501, "the header and a line for each prompt");
    for (way, settings) in WAYS.iter().enumerate().skip(1) {
        let found = records((model(), chat()), &shuffled(&all, way), way);
        assert!(found.lines == expected.lines, "{settings:?}");
        // Where the memory is small, sequences did lose theirs.
        assert_eq!(found.counts.engine.preemptions > 0, way > 2, "{settings:?}");
    }
}

#[test]
fn bf16_weights_give_the_same_records_in_every_order_and_batch() {
    let model = || random(Precision::Bf16);
    let chat = || Chat::load(golden::path("tokenizer")).unwrap();
    let all = prompts(120);
    let expected = records((model(), chat()), &all, 0);
    for way in [2, 3] {
        let found = records((model(), chat()), &shuffled(&all, way), way);
        assert!(found.lines == expected.lines, "{:?}", WAYS[way]);
    }
}

#[test]
fn the_miniature_gives_the_same_records_in_every_order_and_batch() {
    let dir = tempfile::tempdir().unwrap();
    let world = thinksafe_mini::write_to(dir.path()).unwrap();
    let load = || {
        let model = CausalLm::load(&world.model, Placement::CPU_F32).unwrap();
        (model, Chat::load(&world.model).unwrap())
    };
    let mut columns = Columns::default();
    columns.text.push("text".to_owned());
    let set = PromptSet::read(&world.prompts, &columns).unwrap();
    let all = set.sample_per_label(25, Seed(5)).prompts().to_vec();
    let expected = records(load(), &all, 0);
    for way in [1, 2, 3] {
        let found = records(load(), &shuffled(&all, way), way);
        assert!(found.lines == expected.lines, "{:?}", WAYS[way]);
    }
}

/// What a run left.
struct Run {
    /// The log's lines, sorted: whole records.
    lines: Vec<String>,
    counts: TraceCounts,
}

fn records((model, chat): (CausalLm, Chat), prompts: &[LabeledPrompt], way: usize) -> Run {
    let (max_batch, step_tokens, tokens, threads) = WAYS[way];
    let config = model.config();
    let width = config.layers as i64 * config.kv_heads * config.head_dim * 2;
    let kv_bytes = width as usize * model.placement().precision.bytes() * tokens;
    let options =
        EngineOptions { max_batch, step_tokens, kv_bytes, threads, ..EngineOptions::default() };
    let mut generator = LocalGenerator::new(model, chat, options).unwrap();
    let sampling = Sampling { temperature: 1.0, max_new_tokens: 40, ..Sampling::default() };
    let settings = TraceSettings { sampling, ..TraceSettings::new(Seed(7)) };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("traces.jsonl");
    let prompts = PromptSet::new(prompts.to_vec()).unwrap();
    let mut log = RecordLog::open(&path).unwrap();
    let counts =
        generate_traces(&mut generator, &prompts, &settings, &mut log, &mut |_| {}).unwrap();
    assert!(counts.failed.is_empty(), "{counts:?}");
    Run { lines: sorted_lines(&path), counts }
}

fn sorted_lines(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// Prompts of a few to some hundreds of tokens (letters), many of them short; half of them are steered, and so begin
/// alike.
fn prompts(count: usize) -> Vec<LabeledPrompt> {
    let stream = Philox::new(9);
    let one = |i: usize| {
        let [length, letters] = [2 * i as u64, 2 * i as u64 + 1];
        let length = 3 + (400.0 * stream.uniform(length).powi(4)) as u64;
        let letters = Philox::new(stream.bits(letters));
        let text = (0..length).map(|at| char::from(b'a' + (letters.bits(at) % 26) as u8));
        let label = PromptLabel::ALL[i % PromptLabel::ALL.len()];
        LabeledPrompt { id: i.to_string(), text: text.collect(), label }
    };
    (0..count).map(one).collect()
}

fn shuffled(prompts: &[LabeledPrompt], seed: usize) -> Vec<LabeledPrompt> {
    let stream = Philox::new(seed as u64);
    let mut keyed: Vec<_> = (0..).map(|i| stream.bits(i)).zip(prompts).collect();
    keyed.sort_by_key(|(key, _)| *key);
    keyed.into_iter().map(|(_, prompt)| prompt.clone()).collect()
}

fn random(precision: Precision) -> CausalLm {
    let json = r#"{
        "architectures": ["Qwen3ForCausalLM"], "hidden_size": 32, "intermediate_size": 64,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16,
        "vocab_size": 103, "max_position_embeddings": 1536, "tie_word_embeddings": true,
        "initializer_range": 0.3
    }"#;
    let config = ModelConfig::from_json(json, "config.json".as_ref()).unwrap();
    let placement = Placement { precision, ..Placement::CPU_F32 };
    CausalLm::random(config, placement, Seed(3)).unwrap()
}
