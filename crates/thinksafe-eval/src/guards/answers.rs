//! A judge's answers to a set's question.

use std::path::Path;

use serde::{Deserialize, Serialize};
use thinksafe_core::judge::{Judge, JudgeIdentity};
use thinksafe_core::progress::OnProgress;

use super::labeled::{Answer, LabeledItem, LabeledSet};
use super::roc::Scored;
use crate::Error;
use crate::judged::{Shown, verdicts};

/// What one judge said of every item of a set, in their order.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Asked {
    /// The judge.
    pub judge: JudgeIdentity,
    /// Its answers.
    pub answers: Vec<Answer>,
    /// Its probabilities of a yes, where it gives them.
    pub probabilities: Vec<Option<f64>>,
}

/// Has a judge say of every item what the set asks. Verdicts go to a log, which a call that was interrupted resumes.
///
/// # Errors
/// [`Error::Core`] if the log or the judge fails; [`Error::Unanswered`] if the judge leaves exchanges out.
pub fn ask(
    set: &LabeledSet,
    judge: &mut dyn Judge,
    log_path: &Path,
    on_progress: OnProgress<'_>,
) -> Result<Asked, Error> {
    let identity = judge.identity().clone();
    let shown = |item| Shown::labeled(item, &identity.hash);
    let shown: Vec<Shown<'_>> = set.items().iter().map(shown).collect();
    let verdicts = verdicts(&shown, set.name(), judge, log_path, on_progress)?;
    let question = set.question();
    Ok(Asked {
        judge: identity,
        answers: verdicts.iter().map(|verdict| question.answer(verdict)).collect(),
        probabilities: verdicts.iter().map(|verdict| question.probability(verdict)).collect(),
    })
}

impl Asked {
    /// The probabilities beside the truth, of the items that have both.
    pub(super) fn scored(&self, items: &[LabeledItem]) -> Vec<Scored> {
        let pairs = self.probabilities.iter().zip(items);
        pairs.filter_map(|(p, item)| Some(((*p)?, item.truth?))).collect()
    }
}

/// How often a judge gave each answer, by the truth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "plain counts")]
pub struct Answers {
    /// Where the answer is yes.
    pub truth_yes: Row,
    /// Where it is no.
    pub truth_no: Row,
    /// Where people found neither.
    pub no_truth: Row,
}

/// How often each answer was given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "plain counts")]
pub struct Row {
    /// Yes.
    pub yes: u64,
    /// No.
    pub no: u64,
    /// The judge could not tell.
    pub undetermined: u64,
}

impl Answers {
    pub(super) fn count(items: &[LabeledItem], answers: &[Answer]) -> Self {
        let mut counts = Self::default();
        for (item, answer) in items.iter().zip(answers) {
            let row = match item.truth {
                Some(true) => &mut counts.truth_yes,
                Some(false) => &mut counts.truth_no,
                None => &mut counts.no_truth,
            };
            match answer {
                Answer::Yes => row.yes += 1,
                Answer::No => row.no += 1,
                Answer::Undetermined => row.undetermined += 1,
            }
        }
        counts
    }

    /// The rows with what people said.
    pub fn rows(&self) -> [(&'static str, Row); 3] {
        [("yes", self.truth_yes), ("no", self.truth_no), ("neither", self.no_truth)]
    }
}

impl Row {
    /// All answers.
    pub fn total(self) -> u64 {
        self.yes + self.no + self.undetermined
    }
}
