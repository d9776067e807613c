//! The training loop.

use std::path::Path;

use thinksafe_core::progress::{OnProgress, Progress};

use crate::Error;
use crate::checkpoint::{self, Checkpointing};
use crate::record::{self, StepRecord};
use crate::trainer::Trainer;

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Optimizer steps done, those of earlier processes included.
    pub steps: u64,
    /// The step that this process went on from, if it found a checkpoint.
    pub resumed_from: Option<u64>,
    /// The last step's record, unless there was nothing left to do.
    pub last: Option<StepRecord>,
}

/// Trains to the end of the configured duration, or goes on from the newest checkpoint in `dir`.
///
/// `dir` receives `train.jsonl`, one [`StepRecord`] a step, and the checkpoints `step-N`, one of them after the last
/// step. A process that was killed is started again with the same model, examples and settings; the log then ends
/// with the same lines as an undisturbed run's.
///
/// # Errors
/// [`Error::CheckpointMismatch`] if `dir` holds another run; [`Error::Checkpoint`] if its newest checkpoint is
/// damaged; [`Error::NonFinite`] if training diverged: what was saved before stays.
pub fn fit(
    trainer: &mut Trainer<'_>,
    dir: impl AsRef<Path>,
    checkpointing: Checkpointing,
    on_progress: OnProgress<'_>,
) -> Result<Outcome, Error> {
    let dir = dir.as_ref();
    let newest = checkpoint::latest(dir)?;
    if let Some(path) = &newest {
        trainer.resume(path)?;
    }
    let resumed_from = newest.map(|_| trainer.steps_done());
    let mut log =
        record::open_log(&dir.join("train.jsonl"), &trainer.run_hash(), trainer.steps_done())?;
    let mut last = None;
    while !trainer.is_finished() {
        let record = trainer.step()?;
        log.append(&record)?;
        on_progress(progress(trainer, &record));
        let due =
            checkpointing.every_steps > 0 && record.step.is_multiple_of(checkpointing.every_steps);
        if due || trainer.is_finished() {
            log.sync()?;
            trainer.save_checkpoint(dir, checkpointing.keep)?;
        }
        last = Some(record);
    }
    Ok(Outcome { steps: trainer.steps_done(), resumed_from, last })
}

fn progress(trainer: &Trainer<'_>, record: &StepRecord) -> Progress {
    let StepRecord { loss, lr, grad_norm, .. } = record;
    Progress {
        phase: "train",
        done: record.step,
        total: trainer.total_steps(),
        tokens: trainer.tokens(),
        note: Some(format!("loss {loss:.4}, lr {lr:.2e}, gradient norm {grad_norm:.3}")),
    }
}
