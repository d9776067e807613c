//! Finding a response's answer and comparing it with the reference.
//!
//! The rules are those of [`thinksafe_math`]; here they become [`Grader`]s.

pub use thinksafe_math::{Comparison, Finder};
use thinksafe_math::{Reason, Verdict, first_of, skythought};

/// Decides whether a response answers right.
pub trait Grader {
    /// Grades the answer part of a response against the reference.
    fn grade(&self, response: &str, reference: &str) -> Grade;
}

/// What a grader found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grade {
    /// Whether the answer equals the reference. `None` if the grader could not tell, through no fault of the answer.
    pub correct: Option<bool>,
    /// The answer that was compared, if the response has one.
    pub answer: Option<String>,
}

/// Finds the answer in the response's prose, and compares it as mathematics or as a choice.
#[derive(Debug, Clone, PartialEq)]
pub struct ExtractedAnswer {
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Math { finder: Finder, comparison: Comparison },
    Choice { letters: Vec<String> },
}

impl ExtractedAnswer {
    /// Any answer that is a mathematical expression, wherever it stands: see [`thinksafe_math::grade`].
    ///
    /// An answer that cannot be read is wrong; a reference that cannot be read, or a comparison that takes too long,
    /// leaves the response undetermined.
    pub fn math() -> Self {
        Self::math_with(Finder::default(), Comparison::default())
    }

    /// The same with other settings.
    pub fn math_with(finder: Finder, comparison: Comparison) -> Self {
        Self { kind: Kind::Math { finder, comparison } }
    }

    /// A letter from `A` up to `last`: boxed, after an "answer is" phrase, else one that begins the response, else the
    /// last one that stands alone.
    pub fn choice(last: char) -> Self {
        Self { kind: Kind::Choice { letters: ('A'..=last).map(String::from).collect() } }
    }
}

impl Grader for ExtractedAnswer {
    fn grade(&self, response: &str, reference: &str) -> Grade {
        match &self.kind {
            Kind::Math { finder, comparison } => {
                let graded = thinksafe_math::grade(response, reference, *finder, comparison);
                let correct = match graded.verdict {
                    Verdict::Equal => Some(true),
                    Verdict::Different
                    | Verdict::Undecided(Reason::NoAnswer | Reason::Prediction(_)) => Some(false),
                    _ => None,
                };
                Grade { correct, answer: graded.answer }
            }
            Kind::Choice { letters } => {
                let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
                let answer = first_of(&letters, response);
                let correct =
                    answer.as_ref().is_some_and(|a| a.eq_ignore_ascii_case(reference.trim()));
                Grade { correct: Some(correct), answer }
            }
        }
    }
}

/// The rules of SkyThought 0.1.0, by which ThinkSafe's paper grades, quirks included: see [`thinksafe_math::skythought`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SkyThought {
    /// GSM8K: the last number as text; the reference is the solution with its `####`, or the number.
    Gsm8k,
    /// MATH, AIME: equal as texts, as numbers within 1e-4, or symbolically.
    Math,
    /// GPQA: the last letter from A to D that stands alone in the upper-cased response.
    Gpqa,
}

impl Grader for SkyThought {
    fn grade(&self, response: &str, reference: &str) -> Grade {
        let (correct, answer) = match self {
            Self::Gsm8k => (skythought::gsm8k(response, reference), skythought::extract(response)),
            Self::Math => (skythought::math(response, reference), skythought::extract(response)),
            Self::Gpqa => {
                (skythought::gpqa(response, reference), skythought::multiple_choice(response))
            }
        };
        Grade { correct: Some(correct), answer: (!answer.is_empty()).then_some(answer) }
    }
}

/// Compares the whole answer with the reference as text, runs of white space being one space.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WholeText;

impl Grader for WholeText {
    fn grade(&self, response: &str, reference: &str) -> Grade {
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let answer = words(response);
        let correct = answer == words(reference);
        Grade { correct: Some(correct), answer: (!answer.is_empty()).then_some(answer) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(grader: &impl Grader, response: &str, reference: &str, answer: &str, correct: bool) {
        let grade = grader.grade(response, reference);
        assert_eq!(grade.answer.as_deref().unwrap_or("-"), answer, "{response}");
        assert_eq!(grade.correct, Some(correct), "{response}");
    }

    #[test]
    fn math_answers() {
        let math = ExtractedAnswer::math();
        check(&math, r"so \boxed{12} it is", "12", "12", true);
        check(&math, r"\boxed { 1 3 7 } .", "137", "1 3 7", true);
        check(&math, r"first \boxed{1}. But I found a mistake: \boxed{2}", "2", "2", true);
        check(&math, r"\boxed{\frac{1}{2}}", "0.5", r"\frac{1}{2}", true);
        check(&math, r"\boxed{x+1}", "x-1", "x+1", false);
        check(&math, "The final answer is $1,234.50$.", "1234.5", "1,234.50", true);
        check(&math, "the answer is: 42\nbecause 7", "42", "42", true);
        check(&math, "steps\n#### 18", "18", "18", true);
        check(&math, "it costs 3 and then 5 dollars", "5", "5", true);
        check(&math, "it is -3.", "-3", "-3", true);
        check(&math, "no digits", "5", "-", false);
        check(&math, r"\boxed{} 7", "7", "7", true);
        check(&math, r"\boxed{50\%}", "50", r"50\%", true);
        check(&math, r"\boxed{1 + }", "1", "1 +", false);
    }

    #[test]
    fn what_the_reference_makes_impossible_is_no_mistake_of_the_answer() {
        let grade = ExtractedAnswer::math().grade(r"\boxed{5}", r"\frac{");
        assert_eq!(grade.correct, None);
        let grade = ExtractedAnswer::math().grade(r"\boxed{5}", "9^{9^{9}}");
        assert_eq!(grade.correct, None);
    }

    #[test]
    fn choices() {
        let choice = ExtractedAnswer::choice('D');
        check(&choice, "The answer is (C).", "C", "C", true);
        check(&choice, r"\boxed{B}", "B", "B", true);
        check(&choice, r"\boxed{\text{B}}", "b", "B", true);
        check(&choice, "Answer: **D**", "D", "D", true);
        check(&choice, "A thing.\nSo, B", "B", "B", true);
        check(&choice, "Answer: E", "E", "-", false);
        check(&choice, "Apples and Bananas", "A", "-", false);
    }

    #[test]
    fn the_reference_rules_have_their_quirks() {
        check(&SkyThought::Gpqa, "C, for a good reason.", "A", "A", true);
        check(&SkyThought::Math, r"\boxed{2}", "2.0001", "2", true);
        check(&SkyThought::Gsm8k, "The final answer is 18.0", "#### 18", "18", true);
    }

    #[test]
    fn whole_texts() {
        check(&WholeText, "step 1 :\n get it .", "step 1 : get it .", "step 1 : get it .", true);
        check(&WholeText, "step 2", "step 1", "step 2", false);
        check(&WholeText, " ", "step 1", "-", false);
    }

    proptest! {
        #[test]
        fn a_boxed_number_is_found_whatever_stands_around_it(
            n in any::<i32>(), before in "[a-z 0-9.]{0,20}", after in "[a-z 0-9.]{0,20}",
        ) {
            let response = format!(r"{before}\boxed{{{n}}}{after}");
            let grade = ExtractedAnswer::math().grade(&response, &n.to_string());
            prop_assert_eq!(grade.correct, Some(true));
        }
    }
}
