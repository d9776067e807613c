//! The paper's GRPO baseline on the miniature: a guard's probability of safe and the thinking format as rewards.
//!
//! ```text
//! cargo run -p thinksafe-examples --example 14_grpo
//! cargo run --release -p thinksafe-examples --example 14_grpo -- --model Qwen3-0.6B --guard Llama-Guard-3-8B \
//!     --prompts safechain.jsonl --device cuda:0 --precision bf16 --steps 500 --out runs/grpo
//! ```
//!
//! It prints a line a step. Killed or stopped, and started again, it goes on where it was. The run directory holds the logs
//! of steps and of responses, checkpoints, the report and the adapter.

#![expect(clippy::print_stdout, reason = "a program speaks to people")]

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use thinksafe_core::run::RunDir;
use thinksafe_core::seed::Seed;
use thinksafe_examples::{Inputs, paper_rewards, reinforce};
use thinksafe_rl::{GrpoConfig, GrpoStep, GrpoTrainer, RlPrompt};
use thinksafe_sft::{Duration, Ending};

/// GRPO on the miniature, or on checkpoints of your own.
#[derive(Debug, Parser)]
struct Options {
    #[command(flatten)]
    inputs: Inputs,
    /// The run directory.
    #[arg(long, default_value = "runs/grpo")]
    out: PathBuf,
    /// The run's seed.
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Steps, of 8 prompts with 8 responses each.
    #[arg(long, default_value_t = 12)]
    steps: u64,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let run = RunDir::new(&options.out);
    let inputs = options.inputs.load(&run.root().join("miniature"))?;
    let (mut policy, guard) = (inputs.load_model()?, inputs.load_guard()?);
    let prompts: Vec<RlPrompt> =
        inputs.prompts.prompts().iter().cloned().map(RlPrompt::from).collect();

    let rewards = paper_rewards(guard, policy.chat())?;
    let config = GrpoConfig {
        duration: Duration::Steps(options.steps),
        ..inputs.grpo_config(Seed(options.seed))
    };
    let mut trainer = GrpoTrainer::new(&mut policy, &prompts, rewards, config)?;
    let outcome = reinforce(&run, &mut trainer, &mut |step, _| println!("{}", line(step)))?;
    drop(trainer);
    if outcome.ending == Ending::Stopped {
        println!("stopped after step {}; start it again to go on", outcome.steps);
        return Ok(());
    }
    policy.model().save_lora(&run.adapter())?;
    println!("{}", run.training_html().display());
    Ok(())
}

/// What a step did, for people.
fn line(step: &GrpoStep) -> String {
    let GrpoStep { step: number, reward, kl, entropy, mean_tokens, groups, responses, .. } = step;
    let means = step.rewards.iter().map(|reward| {
        let mean = reward.mean.map_or("-".to_owned(), |mean| format!("{mean:.3}"));
        format!("{} {mean}", reward.name)
    });
    format!(
        "step {number:3}  reward {reward:.3} ({})  KL {kl:.4}  entropy {entropy:.3}  {mean_tokens:.0} tokens  {} of {} in the loss, {} undetermined, {} groups alike",
        means.collect::<Vec<_>>().join(", "),
        responses.trained,
        responses.drawn,
        responses.undetermined,
        groups.equal,
    )
}
