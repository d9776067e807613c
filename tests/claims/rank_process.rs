//! One of the processes that the ranks test starts as `torchrun` would: it trains with the others into a folder, and goes on from
//! what it finds there. `rank FOLDER`; alone without torchrun's variables.

use std::path::Path;
use std::time::Duration;

use thinksafe_core::seed::Seed;
use thinksafe_distributed::{Launch, ProcessGroup};
use thinksafe_runtime::{CausalLm, LoraConfig, ModelConfig, Placement, Targets};
use thinksafe_sft::{
    BatchSize, Checkpointing, Duration as Length, Example, FitOptions, HeldOut, SftConfig, Trainer,
    fit,
};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    // With one thread a sum is always taken in the same order.
    tch::set_num_threads(1);
    let folder = std::env::args().nth(1).ok_or("usage: rank FOLDER")?;
    let launch = Launch::from_torchrun(|name| std::env::var(name).ok())?;
    let group = ProcessGroup::join(&launch, tch::Device::Cpu, Duration::from_mins(1))?;
    train(Path::new(&folder), &group)
}

fn train(folder: &Path, group: &ProcessGroup) -> Result<(), Failure> {
    let mut model = model()?;
    let lora = LoraConfig { rank: 4, alpha: 8.0, dropout: 0.1, ..LoraConfig::default() };
    model.attach_lora(LoraConfig { targets: Targets::all_linear(), ..lora }, Seed(1))?;
    let examples: Vec<Example> = (0..11).map(example).collect();
    let mut settings = SftConfig { duration: Length::Steps(12), ..SftConfig::default() };
    settings.batch = BatchSize::accumulated(1, 4);
    settings.optimizer.lr = 1e-2;
    let mut trainer = Trainer::new(&mut model, &examples, settings)?.with_group(group)?;
    let held_out: Vec<Example> = (11..13).map(example).collect();
    let options = FitOptions {
        checkpointing: Checkpointing { every_steps: 5, keep: 9 },
        held_out: Some(HeldOut { every_steps: 3, ..HeldOut::new(&held_out) }),
        ..FitOptions::default()
    };
    fit(&mut trainer, folder, options, &mut |_| Ok(()))?;
    drop(trainer);
    // Each rank its own: the test compares them.
    Ok(model.save_lora(&folder.join(format!("adapter-{}", group.rank())))?)
}

fn example(index: u32) -> Example {
    let ids: Vec<u32> = (0..60 + 17 * (index % 5)).map(|i| 6 + (i * i + index) % 90).collect();
    let supervised: Vec<bool> = (0..ids.len()).map(|i| i >= 10).collect();
    Example::from_mask(index.to_string(), ids, &supervised)
}

/// Random weights of Qwen3's layout, large enough for the work to last until a rank is killed.
fn model() -> Result<CausalLm, Failure> {
    let json = r#"{
        "architectures": ["Qwen3ForCausalLM"], "hidden_size": 128, "intermediate_size": 256,
        "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32,
        "vocab_size": 103, "max_position_embeddings": 1024, "tie_word_embeddings": true
    }"#;
    let config = ModelConfig::from_json(json, "config.json".as_ref())?;
    Ok(CausalLm::random(config, Placement::CPU_F32, Seed(3))?)
}
