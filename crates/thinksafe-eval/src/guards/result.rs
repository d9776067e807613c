//! One judge on one set.

use serde::{Deserialize, Serialize};
use thinksafe_core::judge::JudgeIdentity;

use super::agreement::cohen_kappa;
use super::answers::{Answers, Asked};
use super::calibration::Calibration;
use super::labeled::LabeledItem;
use super::roc::Roc;
use super::threshold::{AtThreshold, sweep};
use crate::statistics::{Interval, Observation, proportion};

/// What a judge is worth on a set. Rates are over the items that it answered and that have a truth; where the same prompt
/// occurs several times, their intervals know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JudgeResult {
    /// The judge.
    pub judge: JudgeIdentity,
    /// Its answers by the truth.
    pub answers: Answers,
    /// Answered yes where the answer is yes (sensitivity).
    pub true_positive_rate: Option<Interval>,
    /// Answered yes where the answer is no.
    pub false_positive_rate: Option<Interval>,
    /// The answer is yes where it answered yes.
    pub precision: Option<Interval>,
    /// Cohen's κ between judge and truth.
    pub kappa: Option<f64>,
    /// How many items have a probability and a truth; what follows is over these, and absent if there are none.
    pub scored: u64,
    /// The curve over all thresholds.
    pub roc: Option<Roc>,
    /// Whether the probabilities are right.
    pub calibration: Option<Calibration>,
    /// What thresholds from 0 to 1 do, a hundredth apart.
    pub thresholds: Vec<AtThreshold>,
}

impl JudgeResult {
    pub(super) fn new(items: &[LabeledItem], asked: &Asked) -> Self {
        let determined: Vec<Determined<'_>> = items
            .iter()
            .zip(&asked.answers)
            .filter_map(|(item, answer)| {
                let (truth, answer) = (item.truth?, answer.determined()?);
                Some(Determined { prompt: &item.prompt, truth, answer })
            })
            .collect();
        let pairs: Vec<(bool, bool)> = determined.iter().map(|d| (d.truth, d.answer)).collect();
        let scored = asked.scored(items);
        Self {
            judge: asked.judge.clone(),
            answers: Answers::count(items, &asked.answers),
            true_positive_rate: rate(&determined, |d| d.truth.then_some(d.answer)),
            false_positive_rate: rate(&determined, |d| (!d.truth).then_some(d.answer)),
            precision: rate(&determined, |d| d.answer.then_some(d.truth)),
            kappa: cohen_kappa(&pairs),
            scored: scored.len() as u64,
            roc: Roc::of(&scored),
            calibration: Calibration::of(&scored, Calibration::BINS),
            thresholds: if scored.is_empty() { Vec::new() } else { sweep(&scored) },
        }
    }

    /// How many items it left undetermined.
    pub fn undetermined(&self) -> u64 {
        self.answers.rows().iter().map(|(_, row)| row.undetermined).sum()
    }
}

/// An item with a truth that the judge answered.
struct Determined<'a> {
    prompt: &'a str,
    truth: bool,
    answer: bool,
}

/// The share of those hits among the items that `hit` is about.
fn rate(
    items: &[Determined<'_>],
    hit: impl Fn(&Determined<'_>) -> Option<bool>,
) -> Option<Interval> {
    let observation = |item| {
        let value = f64::from(u8::from(hit(item)?));
        Some(Observation { cluster: item.prompt, value })
    };
    proportion(&items.iter().filter_map(observation).collect::<Vec<_>>())
}
