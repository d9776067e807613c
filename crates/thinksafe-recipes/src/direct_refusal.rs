//! DirectRefusal (arXiv 2503.00555): a fixed thought and a refusal, whatever is asked.

use thinksafe_core::prompt::LabeledPrompt;
use thinksafe_core::trace::Trace;

use crate::error::Error;
use crate::lesson::{Lesson, Supervised, written};

/// The thought of the published examples.
pub const DIRECT_REFUSAL_THOUGHT: &str = "I should not answer this question!";

/// A harmful prompt with a thought that is always the same and a given refusal; all of the turn is learnt.
///
/// ```
/// use thinksafe_core::prompt::{LabeledPrompt, PromptLabel};
/// use thinksafe_core::trace::ThinkTags;
/// use thinksafe_recipes::{DIRECT_REFUSAL_THOUGHT, direct_refusal, question_and_answer};
///
/// let (text, refusal) = question_and_answer("Question: a request Answer: No, sorry.").unwrap();
/// let text = text.to_owned();
/// let prompt = LabeledPrompt { id: "1".to_owned(), text, label: PromptLabel::VanillaHarmful };
/// let lesson = direct_refusal(&prompt, DIRECT_REFUSAL_THOUGHT, refusal)?;
/// let turn = "<think>\nI should not answer this question!\n</think>\n\nNo, sorry.";
/// assert_eq!(lesson.turn(&ThinkTags::default()), turn);
/// # Ok::<(), thinksafe_recipes::Error>(())
/// ```
///
/// # Errors
/// [`Error::Harmless`], [`Error::Blank`].
pub fn direct_refusal(
    prompt: &LabeledPrompt,
    thought: &str,
    refusal: &str,
) -> Result<Lesson, Error> {
    let texts = [("thought", thought), ("refusal", refusal)];
    let trace = Trace { thinking: Some(thought.to_owned()), answer: refusal.to_owned() };
    written("DirectRefusal", prompt, &texts, trace, Supervised::Turn)
}

/// Splits an item of the published source, `Question: ... Answer: ...`, both parts trimmed; `None` if it is not of that form
/// or a part is blank. Either part may run over several lines.
pub fn question_and_answer(text: &str) -> Option<(&str, &str)> {
    let (_, after) = text.split_once("Question:")?;
    let (question, answer) = after.split_once("Answer:")?;
    let [question, answer] = [question, answer].map(str::trim);
    (!question.is_empty() && !answer.is_empty()).then_some((question, answer))
}
