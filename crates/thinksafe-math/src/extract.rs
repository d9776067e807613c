//! Where in a response the answer stands.

mod anchor;
mod boxed;
mod choice;
mod latex;
mod plain;

pub use choice::{choice, first_of};

use crate::compare::is_readable;
use crate::words::{self, Word};

pub use boxed::last_boxed;

/// A candidate: where it stands, and its content without delimiters.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Span {
    start: usize,
    end: usize,
    content: String,
}

/// Finds answers in prose.
///
/// The first of these that can be read as mathematics: the whole text, if it is no prose; what "final answer is"
/// introduces in front of "I hope"; a boxed expression, or what any "final answer ... is" introduces, whichever comes
/// last; what "answer:" introduces, then "answer", in thirty languages; the last expression of all. Boxes that stand
/// close to each other, or are joined by words such as "and", are one answer of several parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finder {
    /// Look at mathematics between `$`, `\(`, `\[` and in `\boxed`.
    pub latex: bool,
    /// Look at numbers and arithmetic in plain text.
    pub plain: bool,
}

impl Default for Finder {
    /// Everywhere.
    fn default() -> Self {
        Self { latex: true, plain: true }
    }
}

impl Finder {
    /// The answer of a response: the first candidate that can be read, else the first of all. A box that cannot be read
    /// is not passed over.
    ///
    /// ```
    /// use thinksafe_math::Finder;
    ///
    /// let answer = |text| Finder::default().find(text);
    /// assert_eq!(answer(r"We get $x = 3$, so \(\boxed{9}\)."), Some("9".to_owned()));
    /// assert_eq!(answer("The answer is 1,234 m."), Some("1234".to_owned()));
    /// assert_eq!(answer("I do not know."), None);
    /// ```
    pub fn find(&self, response: &str) -> Option<String> {
        if is_mathematics(response) && is_readable(response) {
            return Some(response.trim().to_owned());
        }
        let spans = Spans::of(response, *self);
        let mut first = None;
        for group in anchor::groups(response, &spans) {
            for span in group {
                if is_readable(&span.content) {
                    return Some(span.content);
                }
                if spans.boxed.as_ref().is_some_and(|boxed| boxed.start == span.start) {
                    // What is boxed is the answer, even if it cannot be read: no number inside or before it.
                    return Some(span.content);
                }
                first.get_or_insert(span.content);
            }
        }
        first
    }
}

/// All candidates of a response, in order of their place.
struct Spans {
    latex: Vec<Span>,
    plain: Vec<Span>,
    boxed: Option<Span>,
}

impl Spans {
    fn of(text: &str, finder: Finder) -> Self {
        let mut spans = Self { latex: Vec::new(), plain: Vec::new(), boxed: None };
        if finder.latex {
            spans.latex = latex::spans(text);
            spans.boxed = boxed::last_group(text);
        }
        if finder.plain {
            spans.plain = plain::spans(text);
        }
        spans
    }
}

/// Whether a text is one expression and no prose: words are known, or marked as text.
fn is_mathematics(text: &str) -> bool {
    let trimmed = text.trim();
    if trimmed.is_empty()
        || trimmed.len() > 1_000
        || text.contains("boxed")
        || text.contains("\\fbox")
    {
        return false;
    }
    let dollars = trimmed.matches('$').count() - trimmed.matches("\\$").count();
    let delimited = dollars > 1 || text.contains("\\(") || text.contains("\\[");
    !delimited && !has_prose(trimmed)
}

fn has_prose(text: &str) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_alphabetic() || c == '\\') {
        let word_start = &rest[at..];
        if let Some(command) = word_start.strip_prefix('\\') {
            let length = command.bytes().take_while(u8::is_ascii_alphabetic).count();
            rest = &command[length..];
            if length == 0 {
                let skipped = rest.chars().next().map_or(0, char::len_utf8);
                rest = &rest[skipped..];
            } else if words::is_text(&command[..length])
                || matches!(&command[..length], "begin" | "end")
            {
                rest = rest.split_once('}').map_or(rest, |(_, behind)| behind);
            }
            continue;
        }
        let length = word_start.find(|c: char| !c.is_alphabetic()).unwrap_or(word_start.len());
        let word = &word_start[..length];
        let known = matches!(words::plain(word), Some(Word::Command(_) | Word::Mark('%')))
            || words::is_unit(word)
            || words::plain(word).is_some() && at > 0;
        let count = word.chars().count();
        if !known && (count > 2 || count == 2 && SHORT_WORDS.contains(&word)) {
            return true;
        }
        rest = &word_start[length..];
    }
    false
}

/// Words of two letters that are no products.
const SHORT_WORDS: [&str; 26] = [
    "is", "so", "it", "of", "to", "be", "we", "in", "on", "at", "by", "an", "as", "if", "no", "do",
    "us", "am", "up", "go", "It", "So", "We", "If", "In", "No",
];

#[cfg(test)]
mod tests;
