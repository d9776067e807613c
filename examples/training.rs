//! Fine-tuning with everything that is to be seen of it.

use std::time::{Instant, SystemTime};

use anyhow::Result;
use thinksafe_core::fs;
use thinksafe_core::run::RunDir;
use thinksafe_sft::{
    Checkpointing, Ending, Example, FitOptions, HeldOut, Meter, Outcome, TensorBoard, Trainer,
    TrainingReport, fit,
};

use crate::bar::say;
use crate::{Bar, Stop};

/// What is trained on, what is held out, and where it all goes.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct FineTuning<'a> {
    /// Receives checkpoints and logs, event files and the report.
    pub run: &'a RunDir,
    /// The trainer's examples.
    pub training: &'a [Example],
    /// Examples that are evaluated ten times on the way; there may be none.
    pub held_out: &'a [Example],
    /// Ends training after so many evaluations without improvement.
    pub patience: Option<u32>,
}

impl<'a> FineTuning<'a> {
    /// For all of its duration.
    pub fn new(run: &'a RunDir, training: &'a [Example], held_out: &'a [Example]) -> Self {
        Self { run, training, held_out, patience: None }
    }

    /// Trains to the end, or until SIGINT or SIGTERM, and says how it ended and where the report is. Of several processes
    /// only the first shows and writes anything.
    ///
    /// # Errors
    /// What goes wrong in training, or with the files.
    pub fn fit(&self, trainer: &mut Trainer<'_>, bar: &mut Bar) -> Result<Outcome> {
        let stop = Stop::on_signal()?;
        let every_steps = (trainer.total_steps() / 10).max(1);
        let held_out = HeldOut {
            every_steps,
            patience: self.patience,
            objective: trainer.config().objective.clone(),
            micro_batch: 8,
            ..HeldOut::new(self.held_out)
        };
        let options = FitOptions {
            checkpointing: Checkpointing::default(),
            held_out: (!self.held_out.is_empty()).then_some(held_out),
            stop: Some(stop.flag()),
        };
        let began = Instant::now();
        let mut meter = Meter::new(|| began.elapsed());
        let mut board = TensorBoard::new(self.run.tensorboard(), || {
            SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
        });
        let is_first = trainer.is_first();
        let outcome = fit(trainer, self.run.checkpoints(), options, &mut |event| {
            if !is_first {
                return Ok(());
            }
            let progress = meter.read(event);
            board.write(event, progress.as_ref())?;
            if let Some(progress) = progress {
                bar.train(&progress);
            }
            Ok(())
        })?;
        if !is_first {
            return Ok(outcome);
        }
        self.report(&outcome)?;
        say(&format!("{}; curves in {}", ending(&outcome), self.run.training_html().display()));
        Ok(outcome)
    }

    fn report(&self, outcome: &Outcome) -> Result<()> {
        let mut report = TrainingReport::read("Fine-tuning", self.run.checkpoints())?;
        report.describe("training", self.training);
        report.describe("held out", self.held_out);
        report.outcome = Some(outcome.clone());
        Ok(fs::write_atomic(self.run.training_html(), report.to_html())?)
    }
}

/// How training ended, for people.
fn ending(outcome: &Outcome) -> String {
    let Outcome { ending, steps, best, .. } = outcome;
    let how = match ending {
        Ending::Finished => "finished",
        Ending::OutOfPatience => "ended early",
        Ending::Stopped => "stopped (start again to go on)",
        _ => "ended",
    };
    let best = best.map_or(String::new(), |best| {
        format!("; best held-out loss {:.4} after step {}", best.loss, best.step)
    });
    format!("{how} after step {steps}{best}")
}
