//! A long sequence and short ones get on beside each other.

use thinksafe_chat::Chat;
use thinksafe_core::generate::{Generate, Request};
use thinksafe_core::message::Prompt;
use thinksafe_core::sampling::Sampling;
use thinksafe_core::seed::{SampleSeed, Seed};
use thinksafe_runtime::{CausalLm, EngineOptions, LocalGenerator, ModelConfig, Placement};
use thinksafe_tests::golden;

#[test]
fn a_long_prompt_among_short_ones_starves_nobody() {
    const LONG: u64 = 7;
    let json = r#"{
        "architectures": ["Qwen3ForCausalLM"], "hidden_size": 16, "intermediate_size": 16,
        "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8,
        "vocab_size": 103, "max_position_embeddings": 20000, "tie_word_embeddings": true
    }"#;
    let config = ModelConfig::from_json(json, "config.json".as_ref()).unwrap();
    let model = CausalLm::random(config, Placement::CPU_F32, Seed(3)).unwrap();
    let options = EngineOptions { max_batch: 8, step_tokens: 256, ..EngineOptions::default() };
    let chat = Chat::load(golden::path("tokenizer")).unwrap();
    let mut engine = LocalGenerator::new(model, chat, options).unwrap();
    // Each short one takes nine steps or more; the long prompt, at half of a step's tokens, 128.
    let mut requests = (0..400u64).map(|id| {
        let length = if id == LONG { 16_384 } else { 20 + id % 7 };
        let ids = (0..length).map(|i| 6 + ((i * i + id) % 90) as u32).collect();
        Request::new(id, Prompt::Ids(ids), Sampling::greedy(8), SampleSeed(id))
    });
    let mut order = Vec::new();
    engine
        .generate(&mut requests, &mut |completion| {
            completion.outcome.unwrap();
            order.push(completion.id);
            Ok(())
        })
        .unwrap();
    let place = order.iter().position(|id| *id == LONG).unwrap();
    // Seven others at a time, nine to twenty steps each: about 45 to 115 of them while the long prompt is computed.
    assert!((40..150).contains(&place), "the long one was number {place}");
}
