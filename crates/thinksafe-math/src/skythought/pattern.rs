//! Regular expressions that are compiled once.

use std::borrow::Cow;
use std::sync::OnceLock;

use regex::{Captures, Regex};

/// A constant pattern, compiled when it is first used. One that does not compile would match nothing.
pub(super) struct Pattern {
    source: &'static str,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    pub(super) const fn new(source: &'static str) -> Self {
        Self { source, compiled: OnceLock::new() }
    }

    fn regex(&self) -> Option<&Regex> {
        let compiled = self.compiled.get_or_init(|| Regex::new(self.source).ok());
        debug_assert!(compiled.is_some(), "{} does not compile", self.source);
        compiled.as_ref()
    }

    pub(super) fn is_match(&self, text: &str) -> bool {
        self.regex().is_some_and(|regex| regex.is_match(text))
    }

    /// The first match.
    pub(super) fn captures<'t>(&self, text: &'t str) -> Option<Captures<'t>> {
        self.regex()?.captures(text)
    }

    /// The last match.
    pub(super) fn captures_last<'t>(&self, text: &'t str) -> Option<Captures<'t>> {
        self.regex()?.captures_iter(text).last()
    }

    /// The text of the last match.
    pub(super) fn last(&self, text: &str) -> Option<String> {
        self.regex()?.find_iter(text).last().map(|found| found.as_str().to_owned())
    }

    pub(super) fn replace_all<'t>(&self, text: &'t str, with: &str) -> Cow<'t, str> {
        self.regex().map_or(Cow::Borrowed(text), |regex| regex.replace_all(text, with))
    }

    pub(super) fn replace_each(
        &self,
        text: &str,
        with: impl Fn(&Captures<'_>) -> String,
    ) -> String {
        match self.regex() {
            Some(regex) => {
                regex.replace_all(text, |groups: &Captures<'_>| with(groups)).into_owned()
            }
            None => text.to_owned(),
        }
    }
}
