//! The process that the resume test kills: it does a fixed piece of work into a folder and goes on from what it finds
//! there. `resume_victim generate|train FOLDER`. SIGTERM stops training, which says so.

#![expect(clippy::print_stdout, reason = "the test reads what it says")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use thinksafe_chat::Chat;
use thinksafe_core::log::RecordLog;
use thinksafe_core::prompt::{LabeledPrompt, PromptLabel};
use thinksafe_core::sampling::Sampling;
use thinksafe_core::seed::Seed;
use thinksafe_runtime::{
    CausalLm, EngineOptions, LocalGenerator, LoraConfig, ModelConfig, Placement, Targets,
};
use thinksafe_sft::{
    Checkpointing, Duration, Ending, Example, FitOptions, HeldOut, SftConfig, Trainer, fit,
};
use thinksafe_tests::golden;
use thinksafe_trace::{PromptSet, TraceSettings, generate_traces};

type Failure = Box<dyn std::error::Error>;

/// Samples that `generate` makes.
const PROMPTS: usize = 40;
/// Optimizer steps that `train` makes, a checkpoint after every third, an evaluation after every second.
const STEPS: u64 = 20;

fn main() -> Result<(), Failure> {
    // With one thread a sum is always taken in the same order.
    tch::set_num_threads(1);
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["generate", folder] => generate(folder.as_ref()),
        ["train", folder] => train(folder.as_ref()),
        _ => Err("usage: resume_victim generate|train FOLDER".into()),
    }
}

fn generate(folder: &Path) -> Result<(), Failure> {
    let chat = Chat::load(golden::path("tokenizer"))?;
    let mut generator = LocalGenerator::new(
        model()?,
        chat,
        EngineOptions { max_batch: 8, ..EngineOptions::default() },
    )?;
    let prompts = (0..PROMPTS).map(|i| LabeledPrompt {
        id: i.to_string(),
        text: format!("Tell me {}", "more ".repeat(i % 7)),
        label: PromptLabel::ALL[i % PromptLabel::ALL.len()],
    });
    let prompts = PromptSet::new(prompts.collect())?;
    let sampling = Sampling { temperature: 1.0, max_new_tokens: 24, ..Sampling::default() };
    let settings = TraceSettings { sampling, ..TraceSettings::new(Seed(7)) };
    let mut log = RecordLog::open(folder.join("traces.jsonl"))?;
    generate_traces(&mut generator, &prompts, &settings, &mut log, &mut |_| {})?;
    Ok(())
}

fn train(folder: &Path) -> Result<(), Failure> {
    let mut model = model()?;
    let targets = Targets::names(["q_proj", "down_proj"]);
    let config = LoraConfig { rank: 4, alpha: 8.0, rslora: false, dropout: 0.1, targets };
    model.attach_lora(config, Seed(1))?;
    let examples: Vec<Example> = (0..12).map(example).collect();
    let settings = SftConfig { duration: Duration::Steps(STEPS), ..SftConfig::default() };
    let mut trainer = Trainer::new(&mut model, &examples, settings)?;
    let held_out: Vec<Example> = (12..14).map(example).collect();
    let stop = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGTERM, Arc::clone(&stop))?;
    let options = FitOptions {
        checkpointing: Checkpointing { every_steps: 3, keep: 2 },
        held_out: Some(HeldOut { every_steps: 2, ..HeldOut::new(&held_out) }),
        stop: Some(&stop),
    };
    let outcome = fit(&mut trainer, folder, options, &mut |_| Ok(()))?;
    drop(trainer);
    if outcome.ending == Ending::Stopped {
        println!("stopped after step {}", outcome.steps);
        return Ok(());
    }
    Ok(model.save_lora(&folder.join("adapter"))?)
}

fn example(index: u32) -> Example {
    let ids: Vec<u32> = (0..80 + index).map(|i| 6 + (i * i + index) % 90).collect();
    let supervised: Vec<bool> = (0..ids.len()).map(|i| i >= 10).collect();
    Example::from_mask(index.to_string(), ids, &supervised)
}

/// Random weights of Qwen3's layout, large enough for the work to last until it is killed.
fn model() -> Result<CausalLm, Failure> {
    let json = r#"{
        "architectures": ["Qwen3ForCausalLM"], "hidden_size": 128, "intermediate_size": 256,
        "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32,
        "vocab_size": 103, "max_position_embeddings": 1024, "tie_word_embeddings": true
    }"#;
    let config = ModelConfig::from_json(json, "config.json".as_ref())?;
    Ok(CausalLm::random(config, Placement::CPU_F32, Seed(3))?)
}
