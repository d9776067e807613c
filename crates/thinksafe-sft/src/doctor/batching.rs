//! Checks that a gradient does not depend on how its batch is cut, packed or spread.

use super::subject::{Pass, Subject};
use super::{Exam, Outcome};
use crate::Error;
use crate::config::Trainable;
use crate::example::Example;
use crate::objective::{Objective, Reduction, Subset, Term, TokenLoss};
use crate::plan::{BatchSize, MicroBatch};

/// The configured objective, however its batch is cut.
pub(super) fn accumulation_invariant(
    subject: &mut dyn Subject,
    exam: &Exam<'_>,
) -> Result<Outcome, Error> {
    accumulated(subject, exam.examples, &exam.config.objective)
}

/// Three micro-batches in a window of four.
pub(super) fn partial_window(subject: &mut dyn Subject, exam: &Exam<'_>) -> Result<Outcome, Error> {
    let few = &exam.examples[..exam.examples.len().min(3)];
    let objective = &exam.config.objective;
    let whole = subject.pass(few, at_once(few), objective)?;
    let window = BatchSize::accumulated(1, few.len() + 1);
    let distance = whole.distance(&subject.pass(few, window, objective)?);
    Ok(judge(subject.noise(), distance, || {
        format!(
            "{} micro-batches in a window of {} differ by {} from one batch of the same examples",
            few.len(),
            few.len() + 1,
            percent(distance)
        )
    }))
}

/// The two halves of a batch, as two devices would have them.
pub(super) fn shards_sum(subject: &mut dyn Subject, exam: &Exam<'_>) -> Result<Outcome, Error> {
    let (examples, objective) = (exam.examples, &exam.config.objective);
    let Some(first) = objective.terms.first() else {
        return Ok(Outcome::skipped("the objective has no term"));
    };
    let alike = |term: &Term| (term.reduction, term.tokens) == (first.reduction, first.tokens);
    if !objective.terms.iter().all(alike) || first.reduction == Reduction::MicroBatchSum {
        return Ok(Outcome::skipped("the objective's terms are not one kind of mean"));
    }
    let size = |shard: &[Example]| match first.reduction {
        Reduction::TokenMean => shard.iter().map(|e| first.tokens.total(e)).sum(),
        _ => shard.len() as f64,
    };
    let (left, right) = examples.split_at(examples.len().div_ceil(2));
    let distance = sum_of_parts(subject, examples, &[left, right], size, objective)?;
    Ok(judge(subject.noise(), distance, || {
        format!(
            "the halves of a batch, weighed by what they hold, differ by {} from the batch: the loss is no mean over it",
            percent(distance)
        )
    }))
}

/// The KL terms alone, or KL on every example where there are none.
pub(super) fn kl_accumulation(
    subject: &mut dyn Subject,
    exam: &Exam<'_>,
) -> Result<Outcome, Error> {
    let config = exam.config;
    if config.trainable == Trainable::All {
        return Ok(Outcome::skipped("KL needs an adapter"));
    }
    let terms = config.objective.terms.iter().filter(|term| term.loss.needs_reference());
    let mut terms: Vec<Term> = terms.map(|t| Term { on: Subset::All, ..t.clone() }).collect();
    if terms.is_empty() {
        terms.push(Term::new(TokenLoss::ForwardKl, Subset::All));
    }
    accumulated(subject, exam.examples, &Objective { terms })
}

/// Examples that share a micro-batch against each alone.
pub(super) fn packed_equals_alone(
    subject: &mut dyn Subject,
    exam: &Exam<'_>,
) -> Result<Outcome, Error> {
    let examples = exam.examples;
    let objective = Objective::cross_entropy();
    let parts: Vec<&[Example]> = examples.chunks(1).collect();
    let size = |part: &[Example]| part.iter().map(weight).sum();
    let distance = sum_of_parts(subject, examples, &parts, size, &objective)?;
    Ok(judge(subject.noise(), distance, || {
        format!(
            "{} examples in one micro-batch differ by {} from each alone: they see each other, or share positions",
            examples.len(),
            percent(distance)
        )
    }))
}

/// Two examples; the first one's text is changed where none of its own trained tokens can see it.
pub(super) fn neighbours_isolated(
    subject: &mut dyn Subject,
    exam: &Exam<'_>,
) -> Result<Outcome, Error> {
    let examples = exam.examples;
    let (Some(neighbour), Some(observed)) = (examples.last(), examples.first()) else {
        return Ok(Outcome::skipped("there are no examples"));
    };
    let mut neighbour = neighbour.clone();
    neighbour.weights.fill(0.0);
    neighbour.weights[1] = 1.0;
    let changed = Example { ids: changed_from(&neighbour.ids, 2, examples), ..neighbour.clone() };
    let objective = Objective::cross_entropy();
    let mut pass = |neighbour: Example| {
        let pair = [neighbour, observed.clone()];
        subject.pass(&pair, at_once(&pair), &objective)
    };
    let distance = pass(neighbour)?.distance(&pass(changed)?);
    Ok(judge(subject.noise(), distance, || {
        format!(
            "changing one example's text changed its neighbour's loss or gradient by {}: attention crosses the border",
            percent(distance)
        )
    }))
}

/// Ids, those from a position on replaced by others of the examples' range.
pub(super) fn changed_from(ids: &[u32], position: usize, examples: &[Example]) -> Vec<u32> {
    let largest = examples.iter().flat_map(|e| &e.ids).max().copied().unwrap_or_default();
    let mut ids = ids.to_vec();
    for id in ids.iter_mut().skip(position) {
        *id = if *id < largest { *id + 1 } else { 0 };
    }
    ids
}

/// A micro-batch of all examples.
pub(super) fn at_once(examples: &[Example]) -> BatchSize {
    BatchSize::accumulated(examples.len(), 1)
}

/// Passed if a difference is noise.
pub(super) fn judge(noise: f64, distance: f64, problem: impl FnOnce() -> String) -> Outcome {
    if distance > noise {
        return Outcome::failed(problem());
    }
    Outcome::passed(format!("largest relative difference {distance:.1e}"))
}

/// A share for people.
pub(super) fn percent(share: f64) -> String {
    match share * 100.0 {
        p if p < 1.0 => format!("{p:.2} %"),
        p => format!("{p:.0} %"),
    }
}

/// Micro-batches of one and of two against all examples at once.
fn accumulated(
    subject: &mut dyn Subject,
    examples: &[Example],
    objective: &Objective,
) -> Result<Outcome, Error> {
    let whole = subject.pass(examples, at_once(examples), objective)?;
    let longest = examples.iter().map(|e| e.ids.len()).max().unwrap_or_default();
    let cuts = [MicroBatch::Examples(1), MicroBatch::Examples(2), MicroBatch::Tokens(longest)];
    let mut largest = (0.0, MicroBatch::Examples(1));
    for micro in cuts {
        let batch = BatchSize { examples: examples.len(), micro };
        let distance = whole.distance(&subject.pass(examples, batch, objective)?);
        if distance > largest.0 {
            largest = (distance, micro);
        }
    }
    let (distance, micro) = largest;
    Ok(judge(subject.noise(), distance, || {
        let micro = match micro {
            MicroBatch::Examples(count) => format!("{count}"),
            MicroBatch::Tokens(most) => format!("at most {most} tokens"),
        };
        format!(
            "loss or gradient of {} examples in micro-batches of {micro} differ by {} from those of all at once",
            examples.len(),
            percent(distance)
        )
    }))
}

/// How far the parts of a batch, weighed by their sizes, are from the batch.
fn sum_of_parts(
    subject: &mut dyn Subject,
    examples: &[Example],
    parts: &[&[Example]],
    size: impl Fn(&[Example]) -> f64,
    objective: &Objective,
) -> Result<f64, Error> {
    let total = size(examples);
    let mut passes = Vec::new();
    for part in parts.iter().filter(|part| !part.is_empty()) {
        passes.push((size(part) / total, subject.pass(part, at_once(part), objective)?));
    }
    let whole = subject.pass(examples, at_once(examples), objective)?;
    Ok(whole.distance(&Pass::weighted_sum(&passes)))
}

fn weight(example: &Example) -> f64 {
    example.weights.iter().skip(1).map(|weight| f64::from(*weight)).sum()
}
