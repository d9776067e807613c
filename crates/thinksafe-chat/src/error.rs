//! The crate's error.

use std::path::PathBuf;

/// What can go wrong between a Hugging Face folder and token ids.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file of the folder could not be read, or is not JSON.
    #[error("cannot load the tokenizer folder")]
    File(
        /// Which file, which line, and why.
        #[source]
        thinksafe_core::Error,
    ),
    /// A field of a configuration file is not what it must be.
    #[error("{path}: field `{field}`: expected {expected}, found {found}")]
    Config {
        /// The file.
        path: PathBuf,
        /// The field.
        field: String,
        /// What would be valid.
        expected: &'static str,
        /// What is there, shortened.
        found: String,
    },
    /// `tokenizer.json` does not describe a tokenizer.
    #[error("{path} is not a valid tokenizer: {reason}")]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// What the tokenizer library says.
        reason: String,
    },
    /// A special token that a configuration file names is not in the vocabulary.
    #[error("{path}: field `{field}`: the token `{token}` is not in the vocabulary")]
    UnknownToken {
        /// The file that names it.
        path: PathBuf,
        /// The field that names it.
        field: String,
        /// The token.
        token: String,
    },
    /// The chat template is not valid Jinja.
    #[error("{path}:{line}: the chat template is not valid: {reason}")]
    TemplateSyntax {
        /// The file that holds the template.
        path: PathBuf,
        /// The line of the template, from 1.
        line: usize,
        /// What is wrong there.
        reason: String,
    },
    /// The chat template rejected the conversation with `raise_exception`.
    #[error("{path}: the chat template refused: {message}")]
    TemplateRaised {
        /// The file that holds the template.
        path: PathBuf,
        /// The template's words.
        message: String,
    },
    /// The chat template failed on this conversation.
    #[error("{path}:{line}: the chat template failed: {reason}")]
    TemplateFailed {
        /// The file that holds the template.
        path: PathBuf,
        /// The line of the template, from 1; 0 if unknown.
        line: usize,
        /// What failed.
        reason: String,
    },
    /// The chat template was stopped: it ran, allocated, recursed or wrote beyond its allowance.
    #[error("{path}: the chat template was stopped at its limit of {limit}")]
    TemplateLimit {
        /// The file that holds the template.
        path: PathBuf,
        /// Which allowance was used up.
        limit: &'static str,
    },
    /// A conversation was given, and the folder has no chat template.
    #[error("{path} has no chat template, so a conversation cannot be rendered")]
    NoTemplate {
        /// The folder.
        path: PathBuf,
    },
    /// Neither the template nor the configuration says how an assistant turn ends.
    #[error("{path} names no token that ends a turn (`eos_token`, `eos_token_id`)")]
    NoEndOfTurn {
        /// The folder.
        path: PathBuf,
    },
    /// A trace cannot continue what the template's generation prompt has opened.
    #[error(
        "the template opens the assistant turn with {opening:?}, which this trace does not continue"
    )]
    Opening {
        /// What the template wrote after the assistant header.
        opening: String,
    },
    /// The tokenizer failed on a text.
    #[error("the tokenizer failed: {reason}")]
    Encoding {
        /// What the tokenizer library says.
        reason: String,
    },
    /// The text uses so many private-use characters that none is left to mark untrusted text with.
    #[error("the text uses every private-use character")]
    PrivateUse,
}

impl From<thinksafe_core::Error> for Error {
    fn from(source: thinksafe_core::Error) -> Self {
        Self::File(source)
    }
}
