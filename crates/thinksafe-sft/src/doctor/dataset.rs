//! Checks of the texts as a whole: which of them are trained, and what must not be in them.

use super::specimen::Specimens;
use super::{Check, Finding, Outcome, Patient};
use crate::encode::SkipReason;
use crate::example::Example;

/// The share of texts that may be too long and left out before it is a failure.
const MOST_TOO_LONG: f64 = 0.05;

/// Checks what became of the texts.
pub(super) fn check(patient: &Patient<'_>, specimens: &Specimens<'_>) -> Vec<Finding> {
    let finding = |check, outcome| Finding { check, outcome };
    vec![
        finding(Check::TextsSurvive, texts_survive(patient.texts.len(), specimens)),
        finding(Check::EndsSurvive, ends_survive(patient, specimens)),
        finding(Check::TermsApply, terms_apply(patient, specimens)),
        finding(Check::SteeringAbsent, steering_absent(patient, specimens)),
    ]
}

fn texts_survive(texts: usize, specimens: &Specimens<'_>) -> Outcome {
    let (taken, skipped) = (specimens.taken.len(), specimens.skipped.len());
    if texts == 0 {
        return Outcome::skipped("there are no texts");
    }
    if taken + skipped < texts {
        let lost = texts - taken - skipped;
        return Outcome::failed(format!("{lost} of {texts} texts vanished without a reason"));
    }
    let too_long = |reason: &SkipReason| matches!(reason, SkipReason::TooLong { .. });
    if let Some(refused) = specimens.skipped.iter().find(|s| !too_long(&s.reason)) {
        let count = specimens.skipped.iter().filter(|s| !too_long(&s.reason)).count();
        return Outcome::failed(format!(
            "{count} of {texts} texts give no example; `{}`: {}",
            refused.id, refused.reason
        ));
    }
    if let Some(first) = specimens.skipped.first()
        && skipped as f64 > MOST_TOO_LONG * texts as f64
    {
        return Outcome::failed(format!(
            "{skipped} of {texts} texts are too long and left out; `{}`: {}",
            first.id, first.reason
        ));
    }
    let examples = specimens.taken.iter().map(|s| &s.example);
    let tokens: usize = examples.clone().map(|e| e.ids.len()).sum();
    let trained: usize = examples.map(Example::supervised_tokens).sum();
    Outcome::passed(format!(
        "{taken} of {texts} texts, {trained} of {tokens} tokens trained, {skipped} too long"
    ))
}

fn ends_survive(patient: &Patient<'_>, specimens: &Specimens<'_>) -> Outcome {
    let limit = patient.encoding.max_length;
    specimens.each(|specimen| {
        let lost = format!("cut at {limit} tokens, it teaches an answer that does not end");
        specimen.cut.then_some(lost)
    })
}

fn terms_apply(patient: &Patient<'_>, specimens: &Specimens<'_>) -> Outcome {
    specimens.each(|specimen| {
        let example = std::slice::from_ref(&specimen.example);
        patient.config.objective.validate(example).err().map(|error| error.to_string())
    })
}

fn steering_absent(patient: &Patient<'_>, specimens: &Specimens<'_>) -> Outcome {
    let steering = patient.steering.iter().map(|text| text.trim()).filter(|t| !t.is_empty());
    if steering.clone().next().is_none() {
        return Outcome::skipped("no steering texts were given");
    }
    specimens.each(|specimen| {
        let read = patient.chat.decode(&specimen.example.ids).ok()?;
        let found = steering.clone().find(|text| read.contains(*text))?;
        Some(format!("it still holds the steering text {:?}", super::excerpt(found, 0)))
    })
}
