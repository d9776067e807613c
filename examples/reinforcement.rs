//! Reinforcement learning with everything that is to be seen of it.

use anyhow::Result;
use thinksafe_chat::Chat;
use thinksafe_core::fs;
use thinksafe_core::judge::Judge;
use thinksafe_core::run::RunDir;
use thinksafe_filter::View;
use thinksafe_rl::{
    Event, FitOptions, GrpoReport, GrpoStep, GrpoTrainer, GuardReward, Outcome, Rewards,
    ThinkingFormat, fit,
};
use thinksafe_sft::Checkpointing;

use crate::Stop;

/// The rewards of the paper's baseline (appendix F): the guard's probability that the turn is safe, and one more for thinking in
/// the model's format.
///
/// # Errors
/// A chat template that cannot render a prompt.
pub fn paper_rewards<'g>(guard: impl Judge + 'g, chat: &Chat) -> Result<Rewards<'g>> {
    let format = ThinkingFormat::of(chat)?;
    Ok(Rewards::new().with(GuardReward::new(guard, View::Turn), 1.0).with(format, 1.0))
}

/// Trains to the end, or until SIGINT or SIGTERM, with a checkpoint after each step: it holds the adapter alone, and a step
/// is many rollouts. `show` is told each step, and how many there are. The run receives checkpoints, the logs of steps and of responses, and the report.
///
/// # Errors
/// What goes wrong in training, or with the files.
pub fn reinforce(
    run: &RunDir,
    trainer: &mut GrpoTrainer<'_>,
    show: &mut dyn FnMut(&GrpoStep, u64),
) -> Result<Outcome> {
    let (stop, total) = (Stop::on_signal()?, trainer.total_steps());
    let checkpointing = Checkpointing { every_steps: 1, keep: 2 };
    let options = FitOptions { checkpointing, stop: Some(stop.flag()) };
    let outcome = fit(trainer, run.checkpoints(), options, &mut |event| {
        if let Event::Stepped(step) = event {
            show(step, total);
        }
        Ok(())
    })?;
    if outcome.steps > 0 {
        let report = GrpoReport::read("GRPO", run.checkpoints())?;
        fs::write_atomic(run.training_html(), report.to_html())?;
    }
    Ok(outcome)
}
