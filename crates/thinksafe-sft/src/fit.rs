//! The training loop.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use thinksafe_core::hash::ContentHash;
use thinksafe_core::log::RecordLog;

use crate::Error;
use crate::checkpoint::{self, HeldOutState};
use crate::evaluate::evaluate;
use crate::event::{Event, OnEvent};
use crate::held_out::{Best, HeldOut, Standing};
use crate::record::{EvaluationRecord, StepRecord, evaluation_key, step_key};
use crate::retention::{self, Checkpointing};
use crate::step_log;
use crate::trainer::Trainer;

/// What surrounds the steps of a run.
#[derive(Debug, Clone, Default)]
pub struct FitOptions<'a> {
    /// When checkpoints are written, and how many stay.
    pub checkpointing: Checkpointing,
    /// Examples whose loss is measured on the way.
    pub held_out: Option<HeldOut<'a>>,
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
pub struct Outcome {
    /// Why there are no more steps.
    pub ending: Ending,
    /// Optimizer steps done, those of earlier processes included.
    pub steps: u64,
    /// The step that this process went on from, if it found a checkpoint.
    pub resumed_from: Option<u64>,
    /// The last step's record, unless there was nothing left to do.
    pub last: Option<StepRecord>,
    /// The best evaluation, if there was one.
    pub best: Option<Best>,
}

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// All steps of the configured duration are done.
    Finished,
    /// Evaluations stopped improving.
    OutOfPatience,
    /// It was asked to stop, and goes on when it is started again.
    Stopped,
}

/// Trains to the end of the configured duration, or goes on from the newest checkpoint in `dir`.
///
/// `dir` receives `train.jsonl`, one [`StepRecord`] a step; `evaluations.jsonl`, one [`EvaluationRecord`] an evaluation
/// of the held-out examples; and the checkpoints `step-N`, one of them after the last step. A process that was killed
/// is started again with the same model, examples and settings; the logs then end with the same lines as an
/// undisturbed run's.
///
/// Of several processes ([`Trainer::with_group`]) the first writes all that, and all read checkpoints from the same `dir`. When
/// one of them is gone, the others end with [`Error::Group`], the first after it has written a checkpoint of the last
/// step that all have done.
///
/// # Errors
/// [`Error::Config`], [`Error::NoExamples`] or [`Error::Example`] if the held-out examples cannot be evaluated;
/// [`Error::CheckpointMismatch`] if `dir` holds another run; [`Error::Checkpoint`] if its newest checkpoint is
/// damaged; [`Error::NonFinite`] if training diverged: what was saved before stays; or what `on_event` returns.
pub fn fit<'a>(
    trainer: &mut Trainer<'_>,
    dir: impl AsRef<Path>,
    options: impl Into<FitOptions<'a>>,
    on_event: OnEvent<'_>,
) -> Result<Outcome, Error> {
    let options = options.into();
    let (run, resumed_from) = Run::open(trainer, dir.as_ref(), &options)?;
    run.go(resumed_from, on_event)
}

/// A run under way.
struct Run<'r, 't> {
    trainer: &'r mut Trainer<'t>,
    dir: &'r Path,
    options: &'r FitOptions<'r>,
    /// Only the first of several processes writes.
    steps: Option<RecordLog<StepRecord>>,
    evaluations: Option<Evaluations<'r>>,
    /// The step of the newest checkpoint.
    saved: Option<u64>,
}

/// The evaluations of a run.
struct Evaluations<'r> {
    held_out: &'r HeldOut<'r>,
    log: Option<RecordLog<EvaluationRecord>>,
    standing: Standing,
}

impl<'r, 't> Run<'r, 't> {
    /// Opens the logs where the newest checkpoint left them; also the step that it is of.
    fn open(
        trainer: &'r mut Trainer<'t>,
        dir: &'r Path,
        options: &'r FitOptions<'r>,
    ) -> Result<(Self, Option<u64>), Error> {
        let newest = retention::latest(dir)?;
        if let Some(path) = &newest {
            trainer.resume(path)?;
        }
        let settings = options.held_out.as_ref().map_or(Value::Null, HeldOut::settings);
        let standing = match &newest {
            Some(path) => checkpoint::standing(path, &settings)?,
            None => Standing::default(),
        };
        let mut evaluations = None;
        if let Some(held_out) = &options.held_out {
            held_out.validate(trainer)?;
            let writes = trainer.share().is_first();
            let log = writes.then(|| open_evaluations(trainer, dir, held_out)).transpose()?;
            evaluations = Some(Evaluations { held_out, log, standing });
        }
        let (run, done) = (trainer.run_hash(), trainer.steps_done());
        let position = ContentHash::of("thinksafe.sft.position", &(done, &standing));
        trainer.share().agree("checkpoint", &position)?;
        let open =
            || step_log::open_log(&dir.join(STEPS), done, |i| (i + 1, step_key(&run, i + 1)));
        let steps = trainer.share().is_first().then(open).transpose()?;
        let saved = newest.map(|_| done);
        Ok((Self { trainer, dir, options, steps, evaluations, saved }, saved))
    }

    fn go(mut self, resumed_from: Option<u64>, on_event: OnEvent<'_>) -> Result<Outcome, Error> {
        let (done, total) = (self.trainer.steps_done(), self.trainer.total_steps());
        on_event(Event::Began { done, total })?;
        let (ending, last) = match self.steps(on_event) {
            Ok(found) => found,
            Err(error) => return Err(self.broken_off(error, on_event)),
        };
        let steps = self.trainer.steps_done();
        if steps > 0 && self.saved != Some(steps) {
            self.save(on_event)?;
        }
        let best = self.evaluations.and_then(|evaluations| evaluations.standing.best);
        Ok(Outcome { ending, steps, resumed_from, last, best })
    }

    /// All steps until there is a reason to end, and the last one's record.
    fn steps(&mut self, on_event: OnEvent<'_>) -> Result<(Ending, Option<StepRecord>), Error> {
        let mut last = None;
        loop {
            if let Some(ending) = self.ending()? {
                return Ok((ending, last));
            }
            last = Some(self.step(on_event)?);
        }
    }

    /// Why there is no further step, if there is none.
    fn ending(&self) -> Result<Option<Ending>, Error> {
        let out_of_patience = |evaluations: &Evaluations<'_>| {
            let Evaluations { held_out, standing, .. } = evaluations;
            held_out.patience.is_some_and(|patience| standing.stale >= patience)
        };
        if self.trainer.is_finished() {
            return Ok(Some(Ending::Finished));
        }
        if self.evaluations.as_ref().is_some_and(out_of_patience) {
            return Ok(Some(Ending::OutOfPatience));
        }
        // A signal does not reach all processes in the same step.
        let stop = self.options.stop.is_some_and(|stop| stop.load(Ordering::Relaxed));
        Ok(self.trainer.share().any(stop)?.then_some(Ending::Stopped))
    }

    /// Where another process is gone, the steps that all have done are saved.
    fn broken_off(&mut self, error: Error, on_event: OnEvent<'_>) -> Error {
        let steps = self.trainer.steps_done();
        let unsaved = steps > 0 && self.saved != Some(steps);
        if matches!(error, Error::Group(_))
            && unsaved
            && let Err(failure) = self.save(on_event)
        {
            tracing::error!(%failure, "no checkpoint of the last step");
        }
        error
    }

    /// One step, with the evaluation and the checkpoint that fall due after it.
    fn step(&mut self, on_event: OnEvent<'_>) -> Result<StepRecord, Error> {
        let record = self.trainer.step()?;
        if let Some(steps) = &mut self.steps {
            steps.append(&record)?;
        }
        on_event(Event::Stepped(&record))?;
        let is_best = self.evaluate(on_event)?;
        let every = self.options.checkpointing.every_steps;
        if is_best || (every > 0 && record.step.is_multiple_of(every)) {
            self.save(on_event)?;
        }
        Ok(record)
    }

    /// Evaluates if that is due; whether the best is to be saved.
    fn evaluate(&mut self, on_event: OnEvent<'_>) -> Result<bool, Error> {
        let (step, total) = (self.trainer.steps_done(), self.trainer.total_steps());
        let Some(evaluations) = &mut self.evaluations else { return Ok(false) };
        let held_out = evaluations.held_out;
        if !held_out.is_due(step, total) {
            return Ok(false);
        }
        let HeldOut { examples, objective, micro_batch, .. } = held_out;
        let run = self.trainer.run_hash();
        let mut found = evaluate(self.trainer.model(), examples, objective, *micro_batch)?;
        found.loss = self.trainer.share().of_first(found.loss)?;
        if !found.loss.is_finite() {
            return Err(Error::NonFiniteEvaluation { step, value: found.loss });
        }
        let improves = evaluations.standing.take(step, found.loss, held_out.min_improvement);
        let key = evaluation_key(&run, &held_out.settings(), step);
        let record = EvaluationRecord::new(key, step, found);
        if let Some(log) = &mut evaluations.log {
            log.append(&record)?;
        }
        on_event(Event::Evaluated(&record))?;
        Ok(improves && held_out.keep_best)
    }

    fn save(&mut self, on_event: OnEvent<'_>) -> Result<(), Error> {
        self.saved = Some(self.trainer.steps_done());
        let Some(steps) = &mut self.steps else { return Ok(()) };
        steps.sync()?;
        let mut best = None;
        let mut state = HeldOutState::default();
        if let Some(Evaluations { held_out, log, standing }) = &self.evaluations {
            if let Some(log) = log {
                log.sync()?;
            }
            best = standing.best.filter(|_| held_out.keep_best).map(|best| best.step);
            state = HeldOutState { settings: held_out.settings(), standing: *standing };
        }
        let path = self.trainer.write_checkpoint(self.dir, state)?;
        retention::prune(self.dir, self.options.checkpointing.keep, best)?;
        on_event(Event::Saved(&path))
    }
}

fn open_evaluations(
    trainer: &Trainer<'_>,
    dir: &Path,
    held_out: &HeldOut<'_>,
) -> Result<RecordLog<EvaluationRecord>, Error> {
    let (run, total) = (trainer.run_hash(), trainer.total_steps());
    let settings = held_out.settings();
    let count = held_out.count(trainer.steps_done(), total);
    step_log::open_log(&dir.join(EVALUATIONS), count, |index| {
        let step = held_out.step_of(index, total);
        (step, evaluation_key(&run, &settings, step))
    })
}

/// The log of steps, in a run's directory.
pub(crate) const STEPS: &str = "train.jsonl";
/// The log of evaluations.
pub(crate) const EVALUATIONS: &str = "evaluations.jsonl";
