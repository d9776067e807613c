//! The arm that learns from rewards.

use std::time::Instant;

use anyhow::Result;
use thinksafe_core::judge::Judge;
use thinksafe_core::log;
use thinksafe_core::progress::Progress;
use thinksafe_core::run::RunDir;
use thinksafe_core::seed::Seed;
use thinksafe_eval::comparison::{Reinforcement, Training};
use thinksafe_examples::{Bar, paper_rewards, reinforce};
use thinksafe_recipes::flops::ModelSize;
use thinksafe_rl::{Fate, GrpoStep, GrpoTrainer, RlPrompt, RolloutOutcome, RolloutRecord};
use thinksafe_runtime::LocalGenerator;
use thinksafe_sft::Ending;

use crate::cost;
use crate::examples::first_time;
use crate::setting::Setting;

/// Trains the model on all prompts, each once; `None` if it was asked to stop.
pub(crate) fn train(
    setting: &Setting,
    seed: Seed,
    run: &RunDir,
    model: &mut LocalGenerator,
    guard: &mut dyn Judge,
    bar: &mut Bar,
) -> Result<Option<Training>> {
    let prompts = setting.rewarded();
    let prompts: Vec<RlPrompt> = prompts.prompts().iter().cloned().map(RlPrompt::from).collect();
    let (config, rewards) = (setting.inputs.grpo_config(seed), paper_rewards(guard, model.chat())?);
    let began = Instant::now();
    let mut trainer = GrpoTrainer::new(model, &prompts, rewards, config)?;
    let mut tokens = 0;
    let outcome = reinforce(run, &mut trainer, &mut |step, total| {
        tokens += step.tokens;
        bar.show(&progress(step, total, tokens));
    })?;
    drop(trainer);
    if outcome.ending == Ending::Stopped {
        return Ok(None);
    }
    model.model().save_lora(&run.adapter())?;
    let seconds = first_time(run, began.elapsed().as_secs_f64())?;
    let training = account(cost::size(model.model()), run, prompts.len())?;
    Ok(Some(Training { seconds, ..training }))
}

fn progress(step: &GrpoStep, total: u64, tokens: u64) -> Progress {
    let note = Some(format!("reward {:.3}", step.reward));
    Progress { phase: "train", done: step.step, total, tokens, note }
}

/// What a run cost and what it saw, by its logs. All but the seconds.
fn account(size: ModelSize, run: &RunDir, prompts: usize) -> Result<Training> {
    let (mut generated, mut trained, mut flops) = (0, 0, 0);
    let rollouts = run.checkpoints().join("rollouts.jsonl");
    for rollout in log::records::<RolloutRecord>(&rollouts)? {
        let (_, rollout) = rollout?;
        let RolloutOutcome::Written(text) = &rollout.outcome else { continue };
        let tokens = u64::from(text.prompt_tokens) + u64::from(text.tokens);
        generated += u64::from(text.tokens);
        flops += size.forward(tokens);
        if rollout.fate == Fate::Trained {
            // The divergence needs a forward pass of the frozen model.
            flops += size.training(tokens) + size.forward(tokens);
            trained += tokens;
        }
    }
    let steps: Vec<GrpoStep> = log::read(run.checkpoints().join("train.jsonl"))?;
    Ok(Training {
        examples: prompts as u64,
        perplexity: None,
        generated_tokens: generated,
        trained_tokens: trained,
        seconds: 0.0,
        flops: flops as f64,
        reinforcement: Some(reinforcement(&steps)),
    })
}

fn reinforcement(steps: &[GrpoStep]) -> Reinforcement {
    let sum = |of: fn(&GrpoStep) -> u64| steps.iter().map(of).sum();
    Reinforcement {
        rewards: steps.iter().map(|step| step.reward).collect(),
        responses: sum(|step| step.responses.drawn),
        trained: sum(|step| step.responses.trained),
        failed: sum(|step| step.responses.failed),
        undetermined: sum(|step| step.responses.undetermined),
        groups: sum(|step| step.groups.drawn),
        equal_groups: sum(|step| step.groups.equal),
    }
}
