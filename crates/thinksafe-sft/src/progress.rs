//! How a run is coming along, for people who wait for it.

use std::time::Duration;

use crate::event::Event;

/// The state of a run after a step.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TrainProgress {
    /// Optimizer steps done, those of earlier processes included.
    pub step: u64,
    /// Optimizer steps of the configured duration.
    pub total_steps: u64,
    /// Epochs finished; a fraction within an epoch.
    pub epoch: f64,
    /// The training loss of the step.
    pub loss: f64,
    /// The learning rate of the step.
    pub lr: f64,
    /// The 2-norm of the step's gradient, before clipping.
    pub grad_norm: f64,
    /// The last loss on the held-out examples that this process measured.
    pub held_out_loss: Option<f64>,
    /// Tokens that this process trained on, padding not counted.
    pub tokens: u64,
    /// Tokens trained on a second in the last step, evaluations and checkpoints not counted.
    pub token_rate: f64,
    /// Time since this process began to train.
    pub elapsed: Duration,
    /// Time left at the pace of this process so far, evaluations and checkpoints counted.
    pub left: Option<Duration>,
    /// The most memory that the process held at a time, in bytes, where the system says so.
    pub peak_memory: Option<u64>,
}

/// Turns the events of a run into its progress, by the clock that the caller brings.
///
/// ```
/// use std::time::Instant;
/// use thinksafe_sft::{Event, Meter};
///
/// let began = Instant::now();
/// let mut meter = Meter::new(move || began.elapsed());
/// let on_event = &mut |event: Event<'_>| {
///     if let Some(progress) = meter.read(event) {
///         println!("{} of {}: {:.3}", progress.step, progress.total_steps, progress.loss);
///     }
///     Ok(())
/// };
/// # let _: thinksafe_sft::OnEvent<'_> = on_event;
/// ```
pub struct Meter<'c> {
    clock: Box<dyn FnMut() -> Duration + 'c>,
    began: Duration,
    /// The moment of the last event.
    last: Duration,
    total_steps: u64,
    /// Steps and tokens of this process.
    steps: u64,
    tokens: u64,
    held_out_loss: Option<f64>,
}

impl std::fmt::Debug for Meter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { steps, tokens, .. } = self;
        f.debug_struct("Meter")
            .field("steps", steps)
            .field("tokens", tokens)
            .finish_non_exhaustive()
    }
}

impl<'c> Meter<'c> {
    /// A meter with a clock: the time since any fixed moment.
    pub fn new(clock: impl FnMut() -> Duration + 'c) -> Self {
        Self {
            clock: Box::new(clock),
            began: Duration::ZERO,
            last: Duration::ZERO,
            total_steps: 0,
            steps: 0,
            tokens: 0,
            held_out_loss: None,
        }
    }

    /// Takes an event; the progress if it was a step.
    pub fn read(&mut self, event: Event<'_>) -> Option<TrainProgress> {
        let now = (self.clock)();
        let passed = now.saturating_sub(self.last);
        self.last = now;
        let record = match event {
            Event::Began { total, .. } => {
                (self.began, self.total_steps) = (now, total);
                return None;
            }
            Event::Evaluated(record) => {
                self.held_out_loss = Some(record.loss);
                return None;
            }
            Event::Saved(_) => return None,
            Event::Stepped(record) => record,
        };
        self.steps += 1;
        self.tokens += record.tokens;
        let elapsed = now.saturating_sub(self.began);
        let open = self.total_steps.saturating_sub(record.step);
        let left = elapsed.as_secs_f64() / self.steps as f64 * open as f64;
        let seconds = passed.as_secs_f64();
        Some(TrainProgress {
            step: record.step,
            total_steps: self.total_steps,
            epoch: record.epoch,
            loss: record.loss,
            lr: record.lr,
            grad_norm: record.grad_norm,
            held_out_loss: self.held_out_loss,
            tokens: self.tokens,
            token_rate: if seconds > 0.0 { record.tokens as f64 / seconds } else { 0.0 },
            elapsed,
            left: Duration::try_from_secs_f64(left).ok(),
            peak_memory: peak_memory(),
        })
    }
}

/// The process's largest resident memory so far, in bytes; none where the system has no `/proc`.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::path::Path;

    use thinksafe_core::hash::ContentHash;

    use super::*;
    use crate::record::{EvaluationRecord, StepRecord};

    fn step(step: u64) -> StepRecord {
        StepRecord {
            key: ContentHash::of_bytes("step"),
            step,
            epoch: 0.5,
            loss: 1.5,
            terms: Vec::new(),
            lr: 0.1,
            grad_norm: 2.0,
            tokens: 300,
            supervised_tokens: 100,
        }
    }

    #[test]
    fn rates_are_those_of_training_and_time_left_is_that_of_everything() {
        let seconds = Cell::new(100);
        let mut meter = Meter::new(|| Duration::from_secs(seconds.get()));
        let mut after = |pause: u64, event: Event<'_>| {
            seconds.set(seconds.get() + pause);
            meter.read(event)
        };
        assert_eq!(after(0, Event::Began { done: 10, total: 14 }), None);
        let first = after(3, Event::Stepped(&step(11))).unwrap();
        assert_eq!((first.token_rate, first.left), (100.0, Some(Duration::from_secs(9))));
        let evaluation = EvaluationRecord {
            key: ContentHash::of_bytes("evaluation"),
            step: 11,
            loss: 1.25,
            terms: Vec::new(),
            supervised_tokens: 1,
        };
        assert_eq!(after(4, Event::Evaluated(&evaluation)), None);
        assert_eq!(after(5, Event::Saved(Path::new("step-11"))), None);
        let second = after(6, Event::Stepped(&step(12))).unwrap();
        assert_eq!((second.token_rate, second.left), (50.0, Some(Duration::from_secs(18))));
        assert_eq!((second.tokens, second.held_out_loss), (600, Some(1.25)));
        assert_eq!(second.elapsed, Duration::from_secs(18));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn memory_is_that_of_a_process() {
        let peak = peak_memory().unwrap();
        assert!((1 << 20..1 << 40).contains(&peak), "{peak}");
    }
}
