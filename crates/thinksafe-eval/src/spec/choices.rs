//! Multiple choice: the order of the choices, and the letter of the right one.

use serde::{Deserialize, Serialize};

use super::python_random::PythonRandom;

/// The choices of every question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choices {
    /// The column of the right one.
    pub right: String,
    /// The columns of the wrong ones.
    pub wrong: Vec<String>,
    /// The order: that of Python's `random.shuffle` on the right one and the wrong ones, row after row, from this
    /// `random.seed`, as SkyThought asks GPQA.
    pub seed: u64,
}

/// Shuffles row after row.
pub(super) struct Shuffler {
    random: PythonRandom,
}

/// One question's choices, in order.
pub(super) struct Shuffled {
    /// All of them in one line, `A) ..., B) ...`.
    pub(super) line: String,
    /// The letter of the right one.
    pub(super) right: String,
}

impl Shuffler {
    pub(super) fn new(choices: &Choices) -> Self {
        Self { random: PythonRandom::new(choices.seed) }
    }

    /// Shuffles the choices, the right one first.
    pub(super) fn shuffle(&mut self, choices: &[String]) -> Shuffled {
        let mut order: Vec<&String> = choices.iter().collect();
        self.random.shuffle(&mut order);
        let lettered = || ('A'..='Z').zip(&order);
        let line: Vec<String> =
            lettered().map(|(letter, choice)| format!("{letter}) {choice}")).collect();
        // Of equal choices the first is right, as it is for who reads them.
        let right = lettered().find(|(_, choice)| Some(**choice) == choices.first());
        let right = right.map(|(letter, _)| letter.to_string()).unwrap_or_default();
        Shuffled { line: line.join(", "), right }
    }
}
