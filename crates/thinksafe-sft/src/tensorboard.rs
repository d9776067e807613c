//! Event files for TensorBoard.
//!
//! An event file is a sequence of framed records ([`frame`]), each a protocol buffer ([`proto`]). A resumed run does the
//! steps after its last checkpoint again. Its new file therefore begins with a session start at the step that it goes on
//! with, at which TensorBoard forgets what the files before said of that step and later ones.

mod frame;
mod proto;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::Error;
use crate::event::Event;
use crate::progress::TrainProgress;
use crate::record::{TermValue, term_names};

/// Writes a run's events where TensorBoard finds them: `tensorboard --logdir DIR`.
///
/// The scalars are `train/loss`, `train/learning_rate`, `train/grad_norm`, `train/epoch` and `train/tokens_per_second` by
/// optimizer step, `train/TERM` for each term if there are several, and `eval/loss` and `eval/TERM` for the held-out
/// examples. The names are those that `transformers` uses where it has them. Values are f32, as TensorBoard's are.
///
/// A process adds one file, once it has something to say. Nothing here is needed to resume.
pub struct TensorBoard<'c> {
    dir: PathBuf,
    clock: Box<dyn FnMut() -> Duration + 'c>,
    /// The first step of this process.
    first_step: u64,
    file: Option<(PathBuf, File)>,
}

impl std::fmt::Debug for TensorBoard<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TensorBoard").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl<'c> TensorBoard<'c> {
    /// A writer of files in a directory, with a clock: the time since 1970.
    pub fn new(dir: impl Into<PathBuf>, clock: impl FnMut() -> Duration + 'c) -> Self {
        Self { dir: dir.into(), clock: Box::new(clock), first_step: 1, file: None }
    }

    /// Writes what an event says; `progress` is what [`Meter`](crate::Meter) made of it, for the rate.
    ///
    /// # Errors
    /// [`Error::Core`] if the file cannot be written.
    pub fn write(
        &mut self,
        event: Event<'_>,
        progress: Option<&TrainProgress>,
    ) -> Result<(), Error> {
        let (step, scalars) = match event {
            Event::Began { done, .. } => {
                self.first_step = done + 1;
                return Ok(());
            }
            Event::Stepped(record) => {
                let mut scalars = losses("train", record.loss, &record.terms);
                let mut add = |name: &str, value| scalars.push((format!("train/{name}"), value));
                add("learning_rate", record.lr);
                add("grad_norm", record.grad_norm);
                add("epoch", record.epoch);
                if let Some(progress) = progress {
                    add("tokens_per_second", progress.token_rate);
                }
                (record.step, scalars)
            }
            Event::Evaluated(record) => (record.step, losses("eval", record.loss, &record.terms)),
            Event::Saved(_) => return Ok(()),
        };
        let now = (self.clock)();
        if self.file.is_none() {
            self.file = Some(self.create(now)?);
        }
        let Some((path, file)) = &mut self.file else { return Ok(()) };
        append(path, file, &proto::scalars(now, step, &scalars))
    }

    /// Begins a file: its version, and the session that starts.
    fn create(&self, now: Duration) -> Result<(PathBuf, File), Error> {
        thinksafe_core::fs::create_dir_all(&self.dir)?;
        // TensorBoard reads the files of a directory in the order of their names.
        let newest = newest(&self.dir)?;
        let number = newest.map_or(now.as_secs(), |newest| now.as_secs().max(newest + 1));
        let path = self.dir.join(format!("{PREFIX}{number:010}.thinksafe"));
        let mut file = File::create_new(&path).map_err(|source| io("create", &path, source))?;
        append(&path, &mut file, &proto::version(now))?;
        append(&path, &mut file, &proto::session_start(now, self.first_step))?;
        Ok((path, file))
    }
}

/// The loss and its terms; one term alone is the loss.
fn losses(of: &str, loss: f64, terms: &[TermValue]) -> Vec<(String, f64)> {
    let mut scalars = vec![(format!("{of}/loss"), loss)];
    if terms.len() > 1 {
        let named = term_names(terms).into_iter().zip(terms);
        scalars.extend(named.map(|(name, term)| (format!("{of}/{name}"), term.value)));
    }
    scalars
}

/// The number in the name of the newest event file, ours or not.
fn newest(dir: &Path) -> Result<Option<u64>, Error> {
    let mut newest = None;
    for entry in std::fs::read_dir(dir).map_err(|source| io("read", dir, source))? {
        let name = entry.map_err(|source| io("read", dir, source))?.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split('.').next());
        newest = newest.max(number.and_then(|number| number.parse().ok()));
    }
    Ok(newest)
}

/// Appends a record in one piece, so that a killed process leaves whole ones.
fn append(path: &Path, file: &mut File, record: &[u8]) -> Result<(), Error> {
    file.write_all(&frame::framed(record)).map_err(|source| io("append to", path, source))
}

fn io(action: &'static str, path: &Path, source: std::io::Error) -> Error {
    thinksafe_core::Error::Io { action, path: path.to_owned(), source }.into()
}

/// What the name of an event file begins with.
const PREFIX: &str = "events.out.tfevents.";
