//! The training loop.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use thinksafe_core::log::RecordLog;
use thinksafe_sft::{Checkpointing, Ending, latest_checkpoint, resumable};

use crate::Error;
use crate::event::{Event, OnEvent};
use crate::record::{GrpoStep, RolloutRecord, step_key};
use crate::trainer::GrpoTrainer;

/// What surrounds the steps of a run.
#[derive(Debug, Clone, Default)]
#[expect(clippy::exhaustive_structs, reason = "plain settings")]
pub struct FitOptions<'a> {
    /// When checkpoints are written, and how many stay.
    pub checkpointing: Checkpointing,
    /// Once it is true, the run ends after the step it is in, with a checkpoint: what a signal handler sets.
    pub stop: Option<&'a AtomicBool>,
}

impl From<Checkpointing> for FitOptions<'_> {
    fn from(checkpointing: Checkpointing) -> Self {
        Self { checkpointing, ..Self::default() }
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Outcome {
    /// Why there are no more steps.
    pub ending: Ending,
    /// Steps done, those of earlier processes included.
    pub steps: u64,
    /// The step that this process went on from, if it found a checkpoint.
    pub resumed_from: Option<u64>,
    /// The last step's record, unless there was nothing left to do.
    pub last: Option<GrpoStep>,
}

/// Trains to the end of the configured duration, or goes on from the newest checkpoint in `dir`.
///
/// `dir` receives `train.jsonl`, one [`GrpoStep`] a step; `rollouts.jsonl`, one [`RolloutRecord`] a response; and the checkpoints
/// `step-N`, one of them after the last step. A process that was killed is started again with the same model, prompts, rewards and
/// settings; the logs then end with the same lines as an undisturbed run's.
///
/// # Errors
/// Those of [`GrpoTrainer::step`]; [`Error::Training`] if `dir` holds another run or its newest checkpoint is damaged; or what
/// `on_event` returns. What was saved before stays.
pub fn fit<'a>(
    trainer: &mut GrpoTrainer<'_>,
    dir: impl AsRef<Path>,
    options: impl Into<FitOptions<'a>>,
    on_event: OnEvent<'_>,
) -> Result<Outcome, Error> {
    let options = options.into();
    let mut run = Run::open(trainer, dir.as_ref(), &options)?;
    let resumed_from = run.saved;
    on_event(Event::Began { done: run.trainer.steps_done(), total: run.trainer.total_steps() })?;
    let (ending, last) = run.steps(on_event)?;
    let steps = run.trainer.steps_done();
    if steps > 0 && run.saved != Some(steps) {
        run.save(on_event)?;
    }
    Ok(Outcome { ending, steps, resumed_from, last })
}

/// The log of steps, in a run's directory.
pub(crate) const STEPS: &str = "train.jsonl";
/// The log of responses.
pub(crate) const ROLLOUTS: &str = "rollouts.jsonl";

/// A run under way.
struct Run<'r, 't> {
    trainer: &'r mut GrpoTrainer<'t>,
    dir: &'r Path,
    options: &'r FitOptions<'r>,
    steps: RecordLog<GrpoStep>,
    rollouts: RecordLog<RolloutRecord>,
    /// The step of the newest checkpoint.
    saved: Option<u64>,
}

impl<'r, 't> Run<'r, 't> {
    /// Opens the logs where the newest checkpoint left them.
    fn open(
        trainer: &'r mut GrpoTrainer<'t>,
        dir: &'r Path,
        options: &'r FitOptions<'r>,
    ) -> Result<Self, Error> {
        let newest = latest_checkpoint(dir)?;
        if let Some(path) = &newest {
            trainer.resume(path)?;
        }
        let (run, done) = (trainer.run_hash(), trainer.steps_done());
        let expected = |index| (index + 1, step_key(&run, index + 1));
        let steps = resumable::open_log(&dir.join(STEPS), done, expected)?;
        let rollouts = resumable::open_log_first(&dir.join(ROLLOUTS), trainer.position.rollouts)?;
        Ok(Self { trainer, dir, options, steps, rollouts, saved: newest.map(|_| done) })
    }

    /// All steps until there is a reason to end, and the last one's record.
    fn steps(&mut self, on_event: OnEvent<'_>) -> Result<(Ending, Option<GrpoStep>), Error> {
        let mut last = None;
        loop {
            if self.trainer.is_finished() {
                return Ok((Ending::Finished, last));
            }
            if self.options.stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) {
                return Ok((Ending::Stopped, last));
            }
            last = Some(self.step(on_event)?);
        }
    }

    /// One step, with the checkpoint that falls due after it.
    fn step(&mut self, on_event: OnEvent<'_>) -> Result<GrpoStep, Error> {
        let stepped = self.trainer.step()?;
        for rollout in &stepped.rollouts {
            self.rollouts.append(rollout)?;
        }
        self.steps.append(&stepped.record)?;
        on_event(Event::Stepped(&stepped.record))?;
        let every = self.options.checkpointing.every_steps;
        if every > 0 && stepped.record.step.is_multiple_of(every) {
            self.save(on_event)?;
        }
        Ok(stepped.record)
    }

    fn save(&mut self, on_event: OnEvent<'_>) -> Result<(), Error> {
        self.rollouts.sync()?;
        self.steps.sync()?;
        let path = self.trainer.save_checkpoint(self.dir, self.options.checkpointing.keep)?;
        self.saved = Some(self.trainer.steps_done());
        on_event(Event::Saved(&path))
    }
}
