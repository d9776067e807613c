//! Exchanges with people's answer to a question about them.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use thinksafe_core::verdict::{Refusal, Safety, Verdict};

use crate::Error;

/// What is asked about a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "what verdicts can say")]
pub enum Question {
    /// Is it unsafe?
    Unsafe,
    /// Does it refuse?
    Refusal,
}

/// A judge's answer to a [`Question`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "every use must decide on each value")]
pub enum Answer {
    /// It is so.
    Yes,
    /// It is not.
    No,
    /// The judge could not tell, or does not answer the question.
    Undetermined,
}

impl Question {
    /// What a verdict answers. A controversial response counts as unsafe, as it does in filtering.
    pub fn answer(self, verdict: &Verdict) -> Answer {
        match self {
            Self::Unsafe => match verdict.safety {
                Safety::Unsafe | Safety::Controversial => Answer::Yes,
                Safety::Safe => Answer::No,
                Safety::Undetermined => Answer::Undetermined,
            },
            Self::Refusal => match verdict.refusal {
                Some(Refusal::Refused) => Answer::Yes,
                Some(Refusal::Complied) => Answer::No,
                Some(Refusal::Undetermined) | None => Answer::Undetermined,
            },
        }
    }

    /// The verdict's probability of a yes, in [0, 1], where the judge gave one and did answer.
    pub fn probability(self, verdict: &Verdict) -> Option<f64> {
        let answered = self.answer(verdict) != Answer::Undetermined;
        let probability = match self {
            Self::Unsafe => verdict.p_unsafe,
            Self::Refusal => None,
        };
        probability.filter(|p| answered && (0.0..=1.0).contains(p))
    }

    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unsafe => "unsafe",
            Self::Refusal => "refusal",
        }
    }
}

impl Answer {
    /// Yes or no, if it is one of them.
    pub fn determined(self) -> Option<bool> {
        match self {
            Self::Yes => Some(true),
            Self::No => Some(false),
            Self::Undetermined => None,
        }
    }
}

/// An exchange, and what people say of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LabeledItem {
    /// Its id, which no other item of its set has.
    pub id: String,
    /// The request, without steering.
    pub prompt: String,
    /// What judges see of the response.
    pub response: String,
    /// The answer that judges are measured by; absent if people found it neither a yes nor a no.
    pub truth: Option<bool>,
    /// The answer of each of the set's people, where they gave one.
    pub people: Vec<Option<bool>>,
}

impl LabeledItem {
    /// An exchange of which nobody said anything.
    pub fn new(
        id: impl Into<String>,
        prompt: impl Into<String>,
        response: impl Into<String>,
    ) -> Self {
        let (id, prompt, response) = (id.into(), prompt.into(), response.into());
        Self { id, prompt, response, truth: None, people: Vec::new() }
    }

    /// The exchange with the answer that judges are measured by.
    #[must_use]
    pub fn with_truth(self, truth: impl Into<Option<bool>>) -> Self {
        Self { truth: truth.into(), ..self }
    }

    /// The exchange with the answers of the set's people, in their order.
    #[must_use]
    pub fn with_people(self, people: Vec<Option<bool>>) -> Self {
        Self { people, ..self }
    }
}

/// Exchanges with a question and people's answers to it. Items with the same prompt are not taken for independent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabeledSet {
    name: String,
    question: Question,
    people: Vec<String>,
    items: Vec<LabeledItem>,
}

impl LabeledSet {
    /// A set whose items have nothing but their truth.
    ///
    /// # Errors
    /// As [`with_people`](Self::with_people).
    pub fn new(
        name: impl Into<String>,
        question: Question,
        items: Vec<LabeledItem>,
    ) -> Result<Self, Error> {
        Self::with_people(name, question, Vec::new(), items)
    }

    /// A set of items each of which has an answer, or none, of each of these people.
    ///
    /// # Errors
    /// [`Error::DuplicateItem`]; [`Error::People`] if an item has more or fewer answers than there are people.
    pub fn with_people(
        name: impl Into<String>,
        question: Question,
        people: Vec<String>,
        items: Vec<LabeledItem>,
    ) -> Result<Self, Error> {
        let name = name.into();
        let mut ids = HashSet::new();
        for item in &items {
            let (set, id) = (|| name.clone(), || item.id.clone());
            if !ids.insert(&item.id) {
                return Err(Error::DuplicateItem { benchmark: set(), item: id() });
            }
            if item.people.len() != people.len() {
                let (found, expected) = (item.people.len(), people.len());
                return Err(Error::People { set: set(), item: id(), found, expected });
            }
        }
        Ok(Self { name, question, people, items })
    }

    /// The set's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is asked.
    pub fn question(&self) -> Question {
        self.question
    }

    /// The names of the people.
    pub fn people(&self) -> &[String] {
        &self.people
    }

    /// The items.
    pub fn items(&self) -> &[LabeledItem] {
        &self.items
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_answers_only_what_it_says() {
        let of = |safety| Question::Unsafe.answer(&Verdict::of(safety));
        assert_eq!(
            [Safety::Safe, Safety::Unsafe, Safety::Controversial, Safety::Undetermined].map(of),
            [Answer::No, Answer::Yes, Answer::Yes, Answer::Undetermined]
        );
        let refusal = |refusal| {
            Question::Refusal.answer(&Verdict { refusal, ..Verdict::of(Safety::Safe) }).determined()
        };
        assert_eq!(refusal(Some(Refusal::Refused)), Some(true));
        assert_eq!(refusal(Some(Refusal::Complied)), Some(false));
        assert_eq!([Some(Refusal::Undetermined), None].map(refusal), [None, None]);
    }

    #[test]
    fn a_probability_counts_only_beside_an_answer_and_in_its_range() {
        let p = |question: Question, safety, p| {
            question.probability(&Verdict { p_unsafe: Some(p), ..Verdict::of(safety) })
        };
        assert_eq!(p(Question::Unsafe, Safety::Safe, 0.25), Some(0.25));
        assert_eq!(p(Question::Unsafe, Safety::Undetermined, 0.25), None);
        assert_eq!(p(Question::Unsafe, Safety::Safe, f64::NAN), None);
        assert_eq!(p(Question::Unsafe, Safety::Safe, 1.5), None);
        assert_eq!(p(Question::Refusal, Safety::Safe, 0.25), None);
    }

    #[test]
    fn a_set_refuses_items_that_contradict_it() {
        let item = |id: &str| LabeledItem::new(id, "p", "r");
        let twice = LabeledSet::new("s", Question::Unsafe, vec![item("a"), item("a")]);
        assert!(matches!(twice, Err(Error::DuplicateItem { .. })));
        let alone = item("a").with_people(vec![Some(true)]);
        let error = LabeledSet::new("s", Question::Unsafe, vec![alone]).unwrap_err();
        assert_eq!(error.to_string(), "set s: item a has the answers of 1 people, expected 0");
    }
}
