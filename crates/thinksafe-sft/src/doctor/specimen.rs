//! What the data checks look at: each text as generation sees it and as training sees it.

use thinksafe_core::message::Prompt;

use super::Outcome;
use super::Patient;
use crate::Error;
use crate::encode::{SkipReason, Skipped, TrainingText, encode_one, with_causes};
use crate::example::Example;

/// A text, encoded from both sides.
#[derive(Debug)]
pub(super) struct Specimen<'t> {
    pub(super) text: &'t TrainingText,
    /// The ids that generation is given.
    pub(super) prompt: Vec<u32>,
    /// What of the assistant's turn those ids have opened.
    pub(super) opening: String,
    /// What is trained.
    pub(super) example: Example,
    /// Whether the example's end was cut off.
    pub(super) cut: bool,
}

/// All texts of a patient.
#[derive(Debug, Default)]
pub(super) struct Specimens<'t> {
    pub(super) taken: Vec<Specimen<'t>>,
    pub(super) skipped: Vec<Skipped>,
}

impl<'t> Specimens<'t> {
    /// Encodes a patient's texts as [`encode`](crate::encode()) and the engine do.
    pub(super) fn of(patient: &Patient<'t>) -> Result<Self, Error> {
        patient.encoding.validate()?;
        let mut specimens = Self::default();
        for text in patient.texts {
            match take(text, patient) {
                Ok(specimen) => specimens.taken.push(specimen),
                Err(reason) => specimens.skipped.push(Skipped { id: text.id.clone(), reason }),
            }
        }
        Ok(specimens)
    }

    /// Looks at every specimen; failed with the first one's problem and the number of those that have one.
    pub(super) fn each(&self, problem: impl Fn(&Specimen<'t>) -> Option<String>) -> Outcome {
        let mut problems =
            self.taken.iter().filter_map(|s| problem(s).map(|problem| (&s.text.id, problem)));
        let count = self.taken.len();
        match problems.next() {
            _ if count == 0 => Outcome::skipped("no text gives an example"),
            None => Outcome::passed(format!("{count} texts")),
            Some((id, problem)) => {
                let others = problems.count();
                Outcome::failed(match others {
                    0 => format!("text `{id}`: {problem}"),
                    _ => format!("text `{id}`: {problem} ({} of {count} texts)", others + 1),
                })
            }
        }
    }
}

fn take<'t>(text: &'t TrainingText, patient: &Patient<'t>) -> Result<Specimen<'t>, SkipReason> {
    let (example, tokens) = encode_one(text, patient.chat, patient.encoding)?;
    let prompt = Prompt::Messages(text.messages.clone());
    let prompt = patient
        .chat
        .encode_prompt(&prompt, None)
        .map_err(|error| SkipReason::NotEncoded { reason: with_causes(&error) })?;
    let cut = example.ids.len() < tokens;
    Ok(Specimen { text, prompt: prompt.ids, opening: prompt.opening, example, cut })
}
