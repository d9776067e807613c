//! ThinkSafe's ablation: refusals stripped of their reasoning (Figures 4 and 11).

use crate::lesson::{Lesson, Supervised};

/// The lesson without its thinking if its prompt is harmful, and as it is otherwise.
///
/// What is left is an empty thought, `<think>\n\n</think>\n\n`, which is how Qwen3 writes a turn that does not think; all of
/// the turn is learnt.
///
/// ```
/// use thinksafe_core::{prompt::PromptLabel, trace::{ThinkTags, Trace}};
/// use thinksafe_recipes::{Lesson, Supervised, without_reasoning};
///
/// let trace = Trace { thinking: Some("It would do harm.".to_owned()), answer: "No.".to_owned() };
/// let (id, instruction) = ("1".to_owned(), "a request".to_owned());
/// let (label, supervised) = (PromptLabel::VanillaHarmful, Supervised::Turn);
/// let lesson = without_reasoning(Lesson { id, instruction, trace, label, supervised });
/// assert_eq!(lesson.turn(&ThinkTags::default()), "<think>\n\n</think>\n\nNo.");
/// ```
#[must_use]
pub fn without_reasoning(mut lesson: Lesson) -> Lesson {
    if lesson.label.is_harmful() {
        lesson.trace.thinking = Some(String::new());
        lesson.supervised = Supervised::Turn;
    }
    lesson
}
