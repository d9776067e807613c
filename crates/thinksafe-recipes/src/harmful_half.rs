//! ThinkSafe's control: the examples of harmful prompts alone.

use crate::lesson::Lesson;

/// The lessons whose prompts are harmful, in their order.
///
/// ```
/// use thinksafe_core::prompt::{LabeledPrompt, PromptLabel};
/// use thinksafe_recipes::{harmful_half, safepath};
///
/// let text = "a request".to_owned();
/// let prompt = LabeledPrompt { id: "1".to_owned(), text, label: PromptLabel::VanillaHarmful };
/// let harmful = safepath(&prompt, "Safety first")?;
/// let benign = thinksafe_recipes::Lesson { label: PromptLabel::VanillaBenign, ..harmful.clone() };
/// assert_eq!(harmful_half([benign, harmful.clone()]), [harmful]);
/// # Ok::<(), thinksafe_recipes::Error>(())
/// ```
pub fn harmful_half(lessons: impl IntoIterator<Item = Lesson>) -> Vec<Lesson> {
    lessons.into_iter().filter(|lesson| lesson.label.is_harmful()).collect()
}
