//! A progress bar for whatever reports progress.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{FormattedDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use thinksafe_core::progress::Progress;
use thinksafe_eval::report::Timing;
use thinksafe_runtime::{EngineProgress, Watch};
use thinksafe_sft::TrainProgress;

/// Shows the progress of one phase after the other, and remembers how long each took.
///
/// Where standard error is no terminal, a line every few seconds takes the place of the bar.
#[derive(Debug, Default)]
pub struct Bar {
    current: Option<Phase>,
    timings: Vec<Timing>,
    /// What the engine says of itself.
    engine: Arc<Mutex<String>>,
}

#[derive(Debug)]
struct Phase {
    name: String,
    bar: ProgressBar,
    started: Instant,
    said: Instant,
}

/// How often a line is printed where there is no terminal.
const EVERY: Duration = Duration::from_secs(5);

impl Bar {
    /// Begins a phase under a name for people; the one before is over.
    pub fn begin(&mut self, name: impl Into<String>) {
        self.end();
        let name = name.into();
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        bar.set_style(style());
        bar.set_prefix(name.clone());
        if bar.is_hidden() {
            say(&name);
        }
        self.engine.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let now = Instant::now();
        self.current = Some(Phase { name, bar, started: now, said: now });
    }

    /// For an engine, whose state the bar shows from now on beside the progress.
    pub fn watch(&self) -> Watch {
        let (engine, began) = (Arc::clone(&self.engine), Instant::now());
        Watch {
            clock: Box::new(move || began.elapsed()),
            every: Duration::from_millis(500),
            requests: None,
            report: Box::new(move |progress| {
                *engine.lock().unwrap_or_else(PoisonError::into_inner) = state(progress);
            }),
        }
    }

    /// Shows a step.
    pub fn show(&mut self, progress: &Progress) {
        let Some(Phase { bar, started, .. }) = &self.current else { return };
        let (rate, left) =
            (progress.tokens as f64 / started.elapsed().as_secs_f64().max(1e-3), bar.eta());
        let engine = self.engine.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let note = format!("{}  {engine}", progress.note.as_deref().unwrap_or_default());
        self.update((progress.done, progress.total), rate, left, &note);
    }

    /// Shows a step of training.
    pub fn train(&mut self, progress: &TrainProgress) {
        let TrainProgress { loss, lr, grad_norm, .. } = progress;
        let held_out =
            progress.held_out_loss.map_or(String::new(), |loss| format!(", held out {loss:.4}"));
        let gib = |bytes: u64| format!(", peak {:.2} GiB", bytes as f64 / f64::from(1 << 30));
        let peak = progress.peak_memory.map_or(String::new(), gib);
        let note =
            format!("loss {loss:.4}{held_out}, lr {lr:.2e}, gradient norm {grad_norm:.3}{peak}");
        let left = progress.left.unwrap_or_default();
        self.update((progress.step, progress.total_steps), progress.token_rate, left, &note);
    }

    fn update(&mut self, (done, total): (u64, u64), rate: f64, left: Duration, note: &str) {
        let Some(Phase { name, bar, said, .. }) = &mut self.current else { return };
        bar.set_length(total);
        bar.set_position(done);
        let left = FormattedDuration(Duration::from_secs(left.as_secs()));
        bar.set_message(format!("{left} left  {rate:.0} tokens/s  {note}"));
        if bar.is_hidden() && said.elapsed() >= EVERY {
            *said = Instant::now();
            say(&format!("{name}: {done} of {total}, {left} left, {rate:.0} tokens/s  {note}"));
        }
    }

    /// Ends the last phase and says how long each took.
    pub fn timings(&mut self) -> Vec<Timing> {
        self.end();
        self.timings.clone()
    }

    fn end(&mut self) {
        if let Some(Phase { name, bar, started, .. }) = self.current.take() {
            bar.finish();
            self.timings.push(Timing { phase: name, seconds: started.elapsed().as_secs_f64() });
        }
    }
}

/// The engine's state in a few words.
fn state(progress: &EngineProgress) -> String {
    let EngineProgress { running, max_batch, pages_held, pages_limit, .. } = *progress;
    let percent = 100 * pages_held / pages_limit.max(1);
    format!("batch {running}/{max_batch}, memory {percent}%")
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{prefix:28} {bar:30} {pos}/{len} {elapsed}  {msg}")
        .expect("the template is valid")
}

#[expect(clippy::print_stderr, reason = "programs speak to people")]
pub(crate) fn say(line: &str) {
    eprintln!("{line}");
}
