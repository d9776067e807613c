//! Checks of the turn that the model is to learn: its text and its end.

use thinksafe_chat::{Chat, Framing, SpanKind, SpecialTokens};
use thinksafe_core::trace::Trace;

use super::prompt::shown;
use super::specimen::{Specimen, Specimens};
use super::{Check, Finding, Outcome, Patient, excerpt};

/// Checks the turns.
pub(super) fn check(patient: &Patient<'_>, specimens: &Specimens<'_>) -> Vec<Finding> {
    let finding = |check, outcome| Finding { check, outcome };
    vec![
        finding(Check::TraceSurvives, trace_survives(patient.chat, specimens)),
        finding(Check::EndOfTurnTrained, end_of_turn_trained(patient, specimens)),
        finding(Check::EndOfTurnStops, end_of_turn_stops(patient.chat, specimens)),
    ]
}

fn trace_survives(chat: &Chat, specimens: &Specimens<'_>) -> Outcome {
    specimens.each(|specimen| {
        let trained = trained_turn(chat, specimen)?;
        let wanted = wanted_turn(chat, specimen);
        let same = |wanted: &str| {
            // The cut may go through a character.
            let begins = || wanted.starts_with(trained.trim_end_matches('\u{FFFD}'));
            if specimen.cut { begins() } else { wanted == trained }
        };
        if same(&wanted) || same(&as_tokenized(chat, &wanted)) {
            return None;
        }
        let at = first_difference(&trained, &wanted);
        Some(format!(
            "the trained turn reads {:?} where the trace has {:?}",
            excerpt(&trained, at),
            excerpt(&wanted, at)
        ))
    })
}

/// The turn as the ids say it: what the prompt opened of it, and what is trained.
fn trained_turn(chat: &Chat, specimen: &Specimen<'_>) -> Option<String> {
    let Specimen { prompt, opening, example, .. } = specimen;
    let tail = example.ids.get(prompt.len()..).unwrap_or_default();
    // Some tokenizers take a leading space from what they decode: decode the turn behind its prompt.
    let whole = chat.decode(&example.ids).ok()?;
    let turn = match whole.strip_prefix(&chat.decode(prompt).ok()?) {
        Some(turn) => turn.to_owned(),
        None => chat.decode(tail).ok()?,
    };
    Some(format!("{opening}{turn}"))
}

/// The turn as the trace says it; one without thinking closes what the template opened.
fn wanted_turn(chat: &Chat, specimen: &Specimen<'_>) -> String {
    let Trace { thinking, answer } = specimen.text.trace.clone();
    let opened = (!specimen.opening.is_empty()).then(String::new);
    Trace { thinking: thinking.or(opened), answer }.to_turn(chat.think_tags())
}

/// A text as it reads after the tokenizer's normalisation.
fn as_tokenized(chat: &Chat, text: &str) -> String {
    let ids = chat.tokenizer().encode(text, Framing::Bare).unwrap_or_default();
    chat.tokenizer().decode(&ids, SpecialTokens::Skip).unwrap_or_default()
}

/// The byte where two texts begin to differ.
fn first_difference(a: &str, b: &str) -> usize {
    let same = a.chars().zip(b.chars()).take_while(|(a, b)| a == b);
    same.map(|(c, _)| c.len_utf8()).sum()
}

fn end_of_turn_trained(patient: &Patient<'_>, specimens: &Specimens<'_>) -> Outcome {
    if patient.encoding.supervise.weight(SpanKind::EndOfTurn) <= 0.0 {
        return Outcome::skipped("the settings leave the answer and its end untrained");
    }
    let chat = patient.chat;
    specimens.each(|Specimen { example, cut, .. }| {
        let (end, last) = (example.ids.len().checked_sub(1)?, *example.ids.last()?);
        if *cut {
            return None;
        }
        if !chat.end_of_turn_ids().contains(&last) {
            let token = shown(chat, last);
            return Some(format!("it ends with {token}, which does not end a turn"));
        }
        (!patient.trains(example, end)).then(|| {
            let pads = if last == chat.pad_id() { ", which is also the padding token," } else { "" };
            let token = shown(chat, last);
            format!("the token that ends the turn, {token}{pads} is not trained: the model learns not to stop")
        })
    })
}

fn end_of_turn_stops(chat: &Chat, specimens: &Specimens<'_>) -> Outcome {
    let stops = chat.configured_stop_ids();
    specimens.each(|Specimen { example, cut, .. }| {
        let last = *example.ids.last()?;
        if *cut || stops.contains(&last) {
            return None;
        }
        let stops: Vec<String> = stops.iter().map(|id| shown(chat, *id)).collect();
        Some(format!(
            "the turn ends with {}, but eos_token_id makes engines stop only at {}",
            shown(chat, last),
            stops.join(", ")
        ))
    })
}
