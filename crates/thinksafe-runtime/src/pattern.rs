//! Patterns over names of modules and parameters.

use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::Error;

/// A regular expression that a name has to match as a whole, as with Python's `re.fullmatch`.
///
/// The syntax is that of the `regex` crate: Python's, but for look-around and backreferences, which are refused.
///
/// ```
/// use thinksafe_runtime::Pattern;
///
/// let lower_half = Pattern::new(r"model\.layers\.([0-9]|1[0-3])\..*")?;
/// assert!(lower_half.matches("model.layers.13.mlp.up_proj.weight"));
/// assert!(!lower_half.matches("model.layers.14.mlp.up_proj.weight"));
/// # Ok::<(), thinksafe_runtime::Error>(())
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern {
    text: String,
    whole: Regex,
}

impl Pattern {
    /// A pattern from its text.
    ///
    /// # Errors
    /// [`Error::Pattern`] if it is no regular expression.
    pub fn new(text: impl Into<String>) -> Result<Self, Error> {
        let text = text.into();
        // Alone first: `a)|(b` is none, though it would be one between parentheses.
        let whole = Regex::new(&text).and_then(|_| Regex::new(&format!(r"\A(?:{text})\z")));
        match whole {
            Ok(whole) => Ok(Self { text, whole }),
            Err(source) => Err(Error::Pattern { pattern: text, source: Box::new(source) }),
        }
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it matches the whole of a name.
    pub fn matches(&self, name: &str) -> bool {
        self.whole.is_match(name)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

impl TryFrom<String> for Pattern {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        Self::new(text)
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_matched_whole() {
        let pattern = Pattern::new("a|b.c").unwrap();
        for (name, expected) in [("a", true), ("b.c", true), ("ab.c", false), ("b.cc", false)] {
            assert_eq!(pattern.matches(name), expected, "{name}");
        }
    }

    #[test]
    fn what_is_no_regular_expression_is_refused_with_its_text() {
        for text in ["a)|(b", "*_proj", "(?!q_proj).*"] {
            let error = Pattern::new(text).unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
        }
    }

    #[test]
    fn it_is_written_as_its_text() {
        let pattern = Pattern::new(r".*\.q_proj").unwrap();
        let json = serde_json::to_string(&pattern).unwrap();
        assert_eq!(json, r#"".*\\.q_proj""#);
        assert_eq!(serde_json::from_str::<Pattern>(&json).unwrap(), pattern);
        assert!(serde_json::from_str::<Pattern>(r#""(""#).is_err());
    }
}
