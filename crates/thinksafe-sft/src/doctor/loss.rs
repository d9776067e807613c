//! Checks of the loss and its gradient against what they must be.

use super::batching::{at_once, changed_from, judge, percent};
use super::subject::Subject;
use super::{Exam, Outcome};
use crate::Error;
use crate::config::SftConfig;
use crate::example::Example;
use crate::objective::Objective;
use crate::plan::Duration;

/// A loss above so many times that of a uniform guess is worse than knowing nothing.
const WORSE_THAN_GUESSING: f64 = 1.5;

/// A loss below this has nothing left to learn from, or no token that it is made of.
const NOTHING_TO_LEARN: f64 = 1e-6;

/// The formula goes another way through the model, so that roundings differ at every product and not only in sums.
const OTHER_WAY: f64 = 4.0;

/// Enough predictions that the logits of a vocabulary of 150,000 are made in more than one chunk.
const MORE_THAN_A_CHUNK: usize = 300;

/// The cross-entropy before training.
pub(super) fn is_sane(subject: &mut dyn Subject, exam: &Exam<'_>) -> Result<Outcome, Error> {
    let config = SftConfig {
        objective: Objective::cross_entropy(),
        batch: at_once(exam.examples),
        duration: Duration::Steps(1),
        ..exam.config.clone()
    };
    let losses = subject.train(exam.examples, &config, None)?.losses;
    let loss = losses.first().copied().unwrap_or_default();
    let guess = (exam.vocabulary as f64).ln();
    Ok(if !loss.is_finite() {
        Outcome::failed(format!("the loss before training is {loss}"))
    } else if loss < NOTHING_TO_LEARN {
        Outcome::failed(format!(
            "the loss before training is {loss:.1e}: no token counts, or each example is known already"
        ))
    } else if loss > WORSE_THAN_GUESSING * guess {
        Outcome::failed(format!(
            "the loss before training is {loss:.1}, and guessing gives {guess:.1}: weights, tokenizer and template \
             do not belong together"
        ))
    } else {
        Outcome::passed(format!("{loss:.2} a token; guessing gives {guess:.2}"))
    })
}

/// Weighted tokens, through the trainer and through the formula.
pub(super) fn matches_formula(
    subject: &mut dyn Subject,
    exam: &Exam<'_>,
) -> Result<Outcome, Error> {
    let mut weighted = exam.examples.to_vec();
    let weights = weighted.iter_mut().flat_map(|e| &mut e.weights).filter(|w| **w > 0.0);
    for (weight, factor) in weights.zip([0.5, 1.0, 2.0].into_iter().cycle()) {
        *weight *= factor;
    }
    let expected = subject.formula(&weighted)?;
    // A mean over copies is the mean over what is copied.
    let trained: usize = weighted.iter().map(Example::supervised_tokens).sum();
    let copies = vec![weighted; MORE_THAN_A_CHUNK.div_ceil(trained.max(1))].concat();
    let found = subject.pass(&copies, at_once(&copies), &Objective::cross_entropy())?;
    let distance = expected.distance(&found);
    Ok(judge(OTHER_WAY * subject.noise(), distance, || {
        format!(
            "with weighted tokens, loss or gradient differ by {} from the plain formula (loss {:.4}, expected {:.4})",
            percent(distance),
            found.loss,
            expected.loss
        )
    }))
}

/// Layers computed again in the backward pass against layers kept.
pub(super) fn recomputation_inert(
    subject: &mut dyn Subject,
    exam: &Exam<'_>,
) -> Result<Outcome, Error> {
    let objective = Objective::cross_entropy();
    let expected = subject.pass(exam.examples, at_once(exam.examples), &objective)?;
    let distance = expected.distance(&subject.pass_with_recomputation(exam.examples)?);
    Ok(judge(subject.noise(), distance, || {
        format!(
            "with activation checkpointing loss or gradient differ by {} from those without it",
            percent(distance)
        )
    }))
}

/// The ends of examples are taken out of the loss and then changed.
pub(super) fn masked_labels_inert(
    subject: &mut dyn Subject,
    exam: &Exam<'_>,
) -> Result<Outcome, Error> {
    let examples = exam.examples;
    let masked: Vec<Example> = examples.iter().map(without_end).collect();
    let change = |example: &Example| {
        let last = example.weights.iter().rposition(|w| *w > 0.0).unwrap_or_default();
        Example { ids: changed_from(&example.ids, last + 1, examples), ..example.clone() }
    };
    let changed: Vec<Example> = masked.iter().map(change).collect();
    let objective = Objective::cross_entropy();
    let expected = subject.pass(&masked, at_once(&masked), &objective)?;
    let distance = expected.distance(&subject.pass(&changed, at_once(&changed), &objective)?);
    Ok(judge(subject.noise(), distance, || {
        format!(
            "changing tokens that are not trained changed loss or gradient by {}: the mask is lost on the way",
            percent(distance)
        )
    }))
}

/// The example with the second half of its trained tokens masked, one at least left.
fn without_end(example: &Example) -> Example {
    let trained: Vec<usize> =
        (1..example.ids.len()).filter(|i| example.weights[*i] > 0.0).collect();
    let mut masked = example.clone();
    if let Some(first_masked) = trained.get(trained.len().div_ceil(2)) {
        masked.weights[*first_masked..].fill(0.0);
    }
    masked
}
