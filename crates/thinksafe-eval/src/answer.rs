//! Finding a response's answer and comparing it with the reference.
//!
//! Small on purpose: exact texts, numbers and choice letters. Anything cleverer is another [`Grader`].

mod extract;
mod number;

pub use extract::{Rule, extract};
pub use number::{Rational, normalize};

/// Decides whether a response answers right.
pub trait Grader {
    /// Grades the answer part of a response against the reference.
    fn grade(&self, response: &str, reference: &str) -> Grade;
}

/// What a grader found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grade {
    /// Whether the answer equals the reference.
    pub correct: bool,
    /// The answer that was compared, if the response has one.
    pub answer: Option<String>,
}

/// Extracts an answer by rules and compares it as a number, else as normalised text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtractedAnswer {
    /// The rules, the first that finds something wins.
    pub rules: Vec<Rule>,
}

impl ExtractedAnswer {
    /// Boxed, "answer is" phrases, GSM8K's `####`, else the last number.
    pub fn math() -> Self {
        Self { rules: vec![Rule::Boxed, Rule::Stated, Rule::LastNumber] }
    }

    /// A letter from `A` up to `last`: boxed, after an "answer is" phrase, else the last one that stands alone.
    pub fn choice(last: char) -> Self {
        Self { rules: vec![Rule::Choice(last)] }
    }
}

impl Grader for ExtractedAnswer {
    fn grade(&self, response: &str, reference: &str) -> Grade {
        let Some(answer) = self.rules.iter().find_map(|rule| extract(*rule, response)) else {
            return Grade { correct: false, answer: None };
        };
        Grade { correct: equal(&answer, reference), answer: Some(answer) }
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
        Grade { correct, answer: (!answer.is_empty()).then_some(answer) }
    }
}

/// Whether two answers are the same number, else the same text, after [`normalize`].
fn equal(answer: &str, reference: &str) -> bool {
    let (answer, reference) = (normalize(answer), normalize(reference));
    match (Rational::parse(&answer), Rational::parse(&reference)) {
        (Some(a), Some(b)) => a == b,
        _ => !answer.is_empty() && answer == reference,
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
        assert_eq!(grade.correct, correct, "{response}");
    }

    #[test]
    fn math_answers() {
        let math = ExtractedAnswer::math();
        check(&math, r"so \boxed{12} it is", "12", "12", true);
        check(&math, r"\boxed { 1 3 7 } .", "137", "1 3 7", true);
        check(&math, r"first \boxed{1}, no: \boxed{2}", "2", "2", true);
        check(&math, r"\boxed{\frac{1}{2}}", "0.5", r"\frac{1}{2}", true);
        check(&math, r"\boxed{\dfrac{3}{4}}", "3/4", r"\dfrac{3}{4}", true);
        check(&math, r"\boxed{x+1}", "x + 1", "x+1", true);
        check(&math, r"\boxed{x+1}", "x-1", "x+1", false);
        check(&math, "The final answer is $1,234.50$.", "1234.5", "$1,234.50$", true);
        check(&math, "the answer is: 42\nbecause 7", "42", "42", true);
        check(&math, "steps\n#### 18", "18", "18", true);
        check(&math, "it costs 3 and then 5 dollars", "5", "5", true);
        check(&math, "it is -3.", "-3", "-3", true);
        check(&math, "room 10-3", "3", "3", true);
        check(&math, "no digits", "5", "-", false);
        check(&math, r"\boxed{unclosed", "5", "-", false);
        check(&math, r"\boxed{} 7", "7", "7", true);
        check(&math, r"\boxed{50\%}", "50", r"50\%", true);
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
    fn whole_texts() {
        check(&WholeText, "step 1 :\n get it .", "step 1 : get it .", "step 1 : get it .", true);
        check(&WholeText, "step 2", "step 1", "step 2", false);
        check(&WholeText, " ", "step 1", "-", false);
    }

    #[test]
    fn deep_nesting_is_extracted_in_one_pass() {
        let deep = format!(r"\boxed{}7{}", "{".repeat(100_000), "}".repeat(100_000));
        assert!(ExtractedAnswer::math().grade(&deep, "7").answer.is_some());
        let open = r"\boxed{".repeat(100_000);
        assert_eq!(ExtractedAnswer::math().grade(&open, "7").answer, None);
    }

    proptest! {
        #[test]
        fn grading_never_panics(response in any::<String>(), reference in any::<String>()) {
            ExtractedAnswer::math().grade(&response, &reference);
            ExtractedAnswer::choice('D').grade(&response, &reference);
        }

        #[test]
        fn nor_on_texts_made_of_its_own_marks(
            response in r"(\\boxed|\{|\}|\\frac|####|answer is|é|[0-9]|\.|,|/|-|\$|\\| |\(|A|%|\n){0,40}",
        ) {
            ExtractedAnswer::math().grade(&response, &response);
            ExtractedAnswer::choice('D').grade(&response, "A");
        }

        #[test]
        fn a_boxed_number_is_found_whatever_stands_around_it(
            n in any::<i32>(), before in "[a-z 0-9.]{0,20}", after in "[a-z 0-9.]{0,20}",
        ) {
            let response = format!(r"{before}\boxed{{{n}}}{after}");
            let grade = ExtractedAnswer::math().grade(&response, &n.to_string());
            prop_assert!(grade.correct);
        }
    }
}
