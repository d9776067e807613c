//! The process whose memory the memory test looks at: it generates for many prompts and prints, as JSON, what it held.
//! `memory_subject PROMPTS KV_MIB LAYERS`.

use std::cell::Cell;

use serde_json::json;
use thinksafe_chat::Chat;
use thinksafe_core::generate::{Generate, Request};
use thinksafe_core::message::Prompt;
use thinksafe_core::sampling::Sampling;
use thinksafe_core::seed::{Philox, SampleSeed, Seed};
use thinksafe_runtime::{CausalLm, EngineOptions, LocalGenerator, ModelConfig, Placement};
use thinksafe_tests::golden;

type Failure = Box<dyn std::error::Error>;

#[expect(clippy::print_stdout, reason = "a program that speaks to the test that starts it")]
fn main() -> Result<(), Failure> {
    let numbers = std::env::args().skip(1).map(|n| n.parse::<u64>());
    let [prompts, kv_mib, layers] = numbers.collect::<Result<Vec<_>, _>>()?[..] else {
        return Err("usage: memory_subject PROMPTS KV_MIB LAYERS".into());
    };
    let options = EngineOptions {
        kv_bytes: (kv_mib as usize) << 20,
        max_batch: 32,
        ..EngineOptions::default()
    };
    let chat = Chat::load(golden::path("tokenizer"))?;
    let mut engine = LocalGenerator::new(model(layers)?, chat, options)?;
    let (pulled, lengths) = (Cell::new(0u64), Philox::new(4));
    let mut requests = (0..prompts).map(|id| {
        pulled.set(pulled.get() + 1);
        let length = 20 + lengths.bits(id) % 100;
        // No two begin alike, so that each fills pages of its own.
        let letters = Philox::new(id);
        let ids = (0..length).map(|i| 6 + (letters.bits(i) % 90) as u32).collect();
        let sampling = Sampling { max_new_tokens: 1 + (id % 30) as u32, ..Sampling::default() };
        Request::new(id, Prompt::Ids(ids), sampling, SampleSeed(id))
    });
    let (mut resident, mut most_open, mut done) = (Vec::new(), 0, 0);
    engine.generate(&mut requests, &mut |completion| {
        // A request that does not fit would make the measurement easier.
        assert!(completion.outcome.is_ok(), "{completion:?}");
        most_open = most_open.max(pulled.get() - done);
        done += 1;
        if done % (prompts / 100).max(1) == 0 {
            resident.push(resident_bytes());
        }
        Ok(())
    })?;
    println!("{}", json!({"resident": resident, "most_open": most_open, "max_batch": 32}));
    Ok(())
}

/// The process's resident memory; 0 where there is no /proc.
fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|text| text.split_whitespace().nth(1)?.parse::<u64>().ok());
    pages.unwrap_or(0) * 4096
}

fn model(layers: u64) -> Result<CausalLm, Failure> {
    let json = json!({
        "architectures": ["Qwen3ForCausalLM"], "hidden_size": 64, "intermediate_size": 128,
        "num_hidden_layers": layers, "num_attention_heads": 4, "num_key_value_heads": 4,
        "head_dim": 64, "vocab_size": 103, "max_position_embeddings": 1024,
        "tie_word_embeddings": true
    });
    let config = ModelConfig::from_json(&json.to_string(), "config.json".as_ref())?;
    Ok(CausalLm::random(config, Placement::CPU_F32, Seed(3))?)
}
