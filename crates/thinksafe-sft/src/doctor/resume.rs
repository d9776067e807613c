//! The check that an interruption changes nothing.

use super::batching::percent;
use super::subject::{Subject, relative_difference};
use super::{Exam, Outcome};
use crate::Error;
use crate::config::SftConfig;
use crate::plan::{BatchSize, Duration};

/// Five steps over more than one epoch, at once and interrupted after the second.
pub(super) fn exact(subject: &mut dyn Subject, exam: &Exam<'_>) -> Result<Outcome, Error> {
    let config = SftConfig {
        batch: BatchSize::accumulated(1, 2),
        duration: Duration::Steps(5),
        ..exam.config.clone()
    };
    let undisturbed = subject.train(exam.examples, &config, None)?.parameters;
    let resumed = subject.train(exam.examples, &config, Some(2))?.parameters;
    let difference = relative_difference(&undisturbed, &resumed);
    let allowed = if subject.repeats_bits() { 0.0 } else { subject.noise() };
    Ok(if difference <= allowed {
        Outcome::passed(match difference {
            0.0 => "2 + 3 steps give the bits of 5".to_owned(),
            _ => format!("2 + 3 steps differ from 5 by {difference:.1e}"),
        })
    } else {
        Outcome::failed(format!(
            "2 steps, a checkpoint and 3 steps give weights that differ by {} from those of 5 steps: optimizer, \
             schedule, data order or dropout begin anew",
            percent(difference)
        ))
    })
}
