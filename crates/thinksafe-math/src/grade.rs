//! A response against a reference: finding both answers, and comparing them.

use crate::compare::{Comparison, Reason, Verdict, same_spelling};
use crate::extract::Finder;

/// What grading a response found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Graded {
    /// Whether the answer equals the reference's.
    pub verdict: Verdict,
    /// The answer that was compared, if the response has one.
    pub answer: Option<String>,
}

/// Grades a response. The reference may be an answer alone, or a text that has one.
///
/// ```
/// use thinksafe_math::{Comparison, Finder, Verdict, grade};
///
/// let graded = grade(r"So $x = \boxed{0.5}$.", r"\frac{1}{2}", Finder::default(), &Comparison::default());
/// assert_eq!(graded.verdict, Verdict::Equal);
/// assert_eq!(graded.answer.as_deref(), Some("0.5"));
/// ```
pub fn grade(response: &str, reference: &str, finder: Finder, comparison: &Comparison) -> Graded {
    let Some(answer) = finder.find(response) else {
        // An answer in words has nothing that can be found, but can be the reference itself.
        let same = same_spelling(response, reference);
        return Graded {
            verdict: if same { Verdict::Equal } else { Verdict::Undecided(Reason::NoAnswer) },
            answer: same.then(|| response.trim().to_owned()),
        };
    };
    let found = finder.find(reference);
    let reference_answer = found.as_deref().unwrap_or(reference);
    let same = same_spelling(response, reference);
    let verdict = if same { Verdict::Equal } else { comparison.verdict(&answer, reference_answer) };
    Graded { verdict, answer: Some(answer) }
}
