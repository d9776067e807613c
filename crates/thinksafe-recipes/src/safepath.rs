//! SafePath (arXiv 2505.14667): a few words at the beginning of the thinking, and nothing else.

use thinksafe_core::prompt::LabeledPrompt;
use thinksafe_core::trace::Trace;

use crate::error::Error;
use crate::lesson::{Lesson, Part, Span, Supervised, written};

/// The published primer. It has eight tokens in the tokenizers that it was published for.
pub const SAFEPATH_PRIMER: &str = "Let's think about safety first";

/// A harmful prompt whose thinking begins with the primer. The primer's tokens are learnt, and no other: neither the
/// marks around them nor how the thinking goes on.
///
/// A primer that ends in a sign may share its last token with the newline that follows (`.\n` is one token of Qwen3), which
/// is then learnt too. Without training the primer is a `Request::prefill`.
///
/// ```
/// use thinksafe_core::prompt::{LabeledPrompt, PromptLabel};
/// use thinksafe_core::trace::ThinkTags;
/// use thinksafe_recipes::{SAFEPATH_PRIMER, safepath};
///
/// let text = "a request".to_owned();
/// let prompt = LabeledPrompt { id: "1".to_owned(), text, label: PromptLabel::VanillaHarmful };
/// let (lesson, tags) = (safepath(&prompt, SAFEPATH_PRIMER)?, ThinkTags::default());
/// let learnt = lesson.learnt(&tags);
/// assert_eq!(&lesson.turn(&tags)[learnt[0].clone()], "Let's think about safety first");
/// # Ok::<(), thinksafe_recipes::Error>(())
/// ```
///
/// # Errors
/// [`Error::Harmless`], [`Error::Blank`].
pub fn safepath(prompt: &LabeledPrompt, primer: &str) -> Result<Lesson, Error> {
    let trace = Trace { thinking: Some(primer.to_owned()), answer: String::new() };
    let span = Span { part: Part::Thinking, bytes: 0..primer.len() };
    let supervised = Supervised::Spans(vec![span]);
    written("SafePath", prompt, &[("primer", primer)], trace, supervised)
}
