//! Decoding token by token.

use crate::Error;
use crate::tokenizer::{SpecialTokens, Tokenizer};

/// Decodes a growing sequence of ids and gives each character as soon as it is complete.
///
/// A character of several tokens is held back until its last one. What the calls of [`push`](Self::push) and
/// [`finish`](Self::finish) gave, joined, is the decoding of all ids at once. (One exception: where bytes are tokens of
/// their own, as in SentencePiece vocabularies, a run of them that is no UTF-8 makes the decoder throw away the
/// characters before it too; here they have been given out already.)
#[derive(Debug)]
pub struct StreamDecoder<'t> {
    tokenizer: &'t Tokenizer,
    ids: Vec<u32>,
    /// Ids before this one are of no use any more.
    prefix: usize,
    /// Ids before this one have been given out.
    read: usize,
}

impl<'t> StreamDecoder<'t> {
    /// A decoder at the start of a text; special tokens are left out.
    pub fn new(tokenizer: &'t Tokenizer) -> Self {
        Self { tokenizer, ids: Vec::new(), prefix: 0, read: 0 }
    }

    /// Takes the next id and returns the text that it completes, often a token's, sometimes none.
    ///
    /// # Errors
    /// [`Error::Encoding`].
    pub fn push(&mut self, id: u32) -> Result<String, Error> {
        self.ids.push(id);
        let (old, new) = self.texts()?;
        if new.len() <= old.len() || new.ends_with(char::REPLACEMENT_CHARACTER) {
            return Ok(String::new());
        }
        self.prefix = self.read;
        self.read = self.ids.len();
        Ok(new[old.len()..].to_owned())
    }

    /// Ends the text: bytes that never became a character are given as U+FFFD.
    ///
    /// # Errors
    /// [`Error::Encoding`].
    pub fn finish(self) -> Result<String, Error> {
        let (old, new) = self.texts()?;
        Ok(new.get(old.len()..).unwrap_or_default().to_owned())
    }

    /// The text up to what was given out and up to the end, both from a little before it: how a token is written
    /// can depend on the one before.
    fn texts(&self) -> Result<(String, String), Error> {
        let decode = |ids| self.tokenizer.decode(ids, SpecialTokens::Skip);
        Ok((decode(&self.ids[self.prefix..self.read])?, decode(&self.ids[self.prefix..])?))
    }
}
