//! Words, and numbers for them.

use std::collections::HashMap;

/// The words of a text: runs of letters and digits, in lower case.
pub(super) fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}

/// A number for each word.
#[derive(Default)]
pub(super) struct Vocabulary(HashMap<String, u32>);

impl Vocabulary {
    /// The word's number, a new one if it has none.
    pub(super) fn intern(&mut self, word: String) -> u32 {
        let next = self.0.len() as u32;
        *self.0.entry(word).or_insert(next)
    }

    /// The word's number, if it has one.
    pub(super) fn find(&self, word: &str) -> Option<u32> {
        self.0.get(word).copied()
    }
}
