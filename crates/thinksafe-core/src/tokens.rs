//! The seam to a model's tokenizer, for those who must fit a text into its context.

use crate::Error;
use crate::hash::ContentHash;
use crate::message::Prompt;

/// What a model makes of prompts and of plain text, in its own tokens.
///
/// `thinksafe_chat::Chat` implements it for Hugging Face folders, so who runs a model elsewhere can still count for it.
pub trait Tokens {
    /// The hash of everything that decides the ids.
    fn hash(&self) -> ContentHash;

    /// The ids of a prompt with the prefill after it, as the model is given them.
    ///
    /// # Errors
    /// [`Error::Engine`] if the prompt cannot be encoded.
    fn prompt_ids(&self, prompt: &Prompt, prefill: Option<&str>) -> Result<Vec<u32>, Error>;

    /// Where the tokens of a plain text begin, in bytes, in ascending order; one entry a token.
    ///
    /// Several tokens may share a character: then they have the same entry.
    ///
    /// # Errors
    /// [`Error::Engine`] if the text cannot be encoded.
    fn token_starts(&self, text: &str) -> Result<Vec<usize>, Error>;
}

impl<T: Tokens + ?Sized> Tokens for &T {
    fn hash(&self) -> ContentHash {
        (**self).hash()
    }

    fn prompt_ids(&self, prompt: &Prompt, prefill: Option<&str>) -> Result<Vec<u32>, Error> {
        (**self).prompt_ids(prompt, prefill)
    }

    fn token_starts(&self, text: &str) -> Result<Vec<usize>, Error> {
        (**self).token_starts(text)
    }
}
