//! Checks of where the prompt ends and what of it is trained.

use thinksafe_chat::{Chat, Framing, SpecialTokens};

use super::specimen::{Specimen, Specimens};
use super::{Check, Finding, Outcome, Patient};
use crate::encode::Supervise;

/// Checks the prompts.
pub(super) fn check(patient: &Patient<'_>, specimens: &Specimens<'_>) -> Vec<Finding> {
    let finding = |check, outcome| Finding { check, outcome };
    vec![
        finding(Check::OneBos, one_bos(patient.chat, specimens)),
        finding(Check::PromptIsPrefix, prompt_is_prefix(patient.chat, specimens)),
        finding(Check::PromptUntrained, prompt_untrained(patient, specimens)),
        finding(Check::OpeningOnce, opening_once(patient.chat, specimens)),
    ]
}

fn one_bos(chat: &Chat, specimens: &Specimens<'_>) -> Outcome {
    let Some(bos) = chat.bos_id() else {
        return Outcome::passed("the model has no BOS");
    };
    let framed = chat.tokenizer().encode("a", Framing::Special).unwrap_or_default();
    let wanted = framed.first() == Some(&bos);
    specimens.each(|specimen| {
        let count = specimen.example.ids.iter().take_while(|id| **id == bos).count();
        match count {
            0 if wanted => Some(format!("it does not begin with the BOS {}", shown(chat, bos))),
            0 | 1 => None,
            _ => Some(format!(
                "it begins with the BOS {} {count} times: the template writes it, and it is added again",
                shown(chat, bos)
            )),
        }
    })
}

fn prompt_is_prefix(chat: &Chat, specimens: &Specimens<'_>) -> Outcome {
    specimens.each(|Specimen { prompt, example, .. }| {
        let pairs = prompt.iter().zip(&example.ids);
        let same = pairs.take_while(|(a, b)| a == b).count();
        if same == prompt.len() && example.ids.len() > same {
            return None;
        }
        let token = |ids: &[u32]| ids.get(same).map_or("nothing".to_owned(), |id| shown(chat, *id));
        Some(format!(
            "at position {same} generation is given {} where training has {}",
            token(prompt),
            token(&example.ids)
        ))
    })
}

fn prompt_untrained(patient: &Patient<'_>, specimens: &Specimens<'_>) -> Outcome {
    if let Supervise::Weighted { prompt, .. } = patient.encoding.supervise
        && prompt > 0.0
    {
        return Outcome::skipped(format!("the prompt is given the weight {prompt}"));
    }
    specimens.each(|Specimen { prompt, example, .. }| {
        let end = prompt.len().min(example.ids.len());
        let trained = |position: &usize| patient.trains(example, *position);
        let last = (1..end).rev().find(trained)?;
        let count = (1..end).filter(trained).count();
        let token = shown(patient.chat, example.ids[last]);
        Some(format!("{count} of {end} tokens of the prompt are trained, up to {token} at {last}"))
    })
}

fn opening_once(chat: &Chat, specimens: &Specimens<'_>) -> Outcome {
    let open = &chat.think_tags().open;
    specimens.each(|Specimen { prompt, opening, example, .. }| {
        let turn = chat.decode(example.ids.get(prompt.len()..)?).ok()?;
        let again = !opening.is_empty() && turn.trim_start().starts_with(open.as_str());
        again.then(|| {
            format!("the template ends with {opening:?}, and the turn opens {open:?} again")
        })
    })
}

/// A token for people, with its id.
pub(super) fn shown(chat: &Chat, id: u32) -> String {
    let text = chat.tokenizer().decode(&[id], SpecialTokens::Keep).unwrap_or_default();
    format!("{text:?} ({id})")
}
