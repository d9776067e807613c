//! The process whose memory the one-copy test measures, and a program to measure larger models with.
//!
//! `one_copy write small|qwen3-0.6b FOLDER` saves random weights in bf16; `one_copy generate FOLDER f32|bf16|f16` loads
//! them, generates a token, and prints a line of JSON: seconds until loaded and until the token is there, and the bytes
//! resident before loading, at most until loaded, and at most until the token is there.
//!
//! ```console
//! cargo run --release -p thinksafe-tests --bin one_copy -- write qwen3-0.6b /tmp/qwen3
//! cargo run --release -p thinksafe-tests --bin one_copy -- generate /tmp/qwen3 bf16
//! ```

#![expect(clippy::print_stdout, reason = "what it measured is its output")]

use std::path::Path;
use std::time::Instant;

use serde_json::json;
use thinksafe_chat::Chat;
use thinksafe_core::generate::{Generate, Request};
use thinksafe_core::message::Prompt;
use thinksafe_core::sampling::Sampling;
use thinksafe_core::seed::{SampleSeed, Seed};
use thinksafe_runtime::{
    CausalLm, Device, EngineOptions, LocalGenerator, ModelConfig, Placement, Precision,
};
use thinksafe_tests::golden;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["write", shape, folder] => write(shape, folder.as_ref()),
        ["generate", folder, precision] => generate(folder.as_ref(), precision.parse()?),
        _ => Err("usage: one_copy write SHAPE FOLDER | generate FOLDER PRECISION".into()),
    }
}

fn write(shape: &str, folder: &Path) -> Result<(), Failure> {
    let sizes = match shape {
        "small" => {
            r#""hidden_size": 768, "intermediate_size": 2304, "num_hidden_layers": 12,
            "num_attention_heads": 12, "num_key_value_heads": 4, "head_dim": 64, "vocab_size": 16384"#
        }
        "qwen3-0.6b" => {
            r#""hidden_size": 1024, "intermediate_size": 3072, "num_hidden_layers": 28,
            "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151936"#
        }
        other => return Err(format!("no shape is named {other}").into()),
    };
    let json = format!(
        r#"{{{sizes}, "architectures": ["Qwen3ForCausalLM"], "max_position_embeddings": 1024,
        "tie_word_embeddings": true}}"#
    );
    let config = ModelConfig::from_json(&json, "config.json".as_ref())?;
    let placement = Placement { device: Device::CPU, precision: Precision::Bf16 };
    Ok(CausalLm::random(config, placement, Seed(3))?.save(folder)?)
}

fn generate(folder: &Path, precision: Precision) -> Result<(), Failure> {
    // What libtorch takes for itself is not what is measured.
    drop(
        tch::Tensor::ones([64, 64], tch::kind::FLOAT_CPU)
            .matmul(&tch::Tensor::eye(64, tch::kind::FLOAT_CPU)),
    );
    let before = status("VmRSS")?;
    let start = Instant::now();
    let model = CausalLm::load(folder, Placement { device: Device::CPU, precision })?;
    let loaded = (start.elapsed().as_secs_f64(), status("VmHWM")?);
    let chat = Chat::load(golden::path("tokenizer"))?;
    let mut engine = LocalGenerator::new(model, chat, EngineOptions::default())?;
    let request =
        Request::new(0, Prompt::Ids(vec![6, 7, 8, 9]), Sampling::greedy(1), SampleSeed(0));
    let mut tokens = Vec::new();
    engine.generate(&mut std::iter::once(request), &mut |completion| {
        tokens.extend(completion.outcome.map(|generated| generated.ids).ok());
        Ok(())
    })?;
    let line = json!({
        "load_seconds": loaded.0,
        "token_seconds": start.elapsed().as_secs_f64(),
        "before_bytes": before,
        "load_peak_bytes": loaded.1,
        "peak_bytes": status("VmHWM")?,
        "tokens": tokens,
        "weights": engine.model().weights_hash(),
    });
    println!("{line}");
    Ok(())
}

/// A field of `/proc/self/status`, in bytes.
fn status(field: &str) -> Result<u64, Failure> {
    let text = std::fs::read_to_string("/proc/self/status")?;
    let value = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let kilobytes = value.and_then(|v| v.trim().strip_suffix(" kB"));
    Ok(kilobytes.ok_or("no such field in /proc/self/status")?.parse::<u64>()? * 1024)
}
