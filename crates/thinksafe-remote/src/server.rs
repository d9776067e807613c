//! Where a model is served, and under which name.

use thinksafe_chat::Chat;

use crate::Dialect;

/// A served model: one server, or several that serve the same.
#[derive(Debug, Clone)]
pub struct Server {
    /// What kind of server it is.
    pub dialect: Dialect,
    /// The addresses, each up to and with `/v1`. Requests go to the one that has the least to do.
    pub urls: Vec<String>,
    /// The model's name there. A LoRA adapter that is served under a name of its own is chosen by that name.
    pub model: String,
    /// Which weights those are: a commit of the Hub, a date, a hash. Nothing checks it, but it is part of
    /// [`Identity`](thinksafe_core::generate::Identity), so it decides which records are taken for done.
    pub revision: Option<String>,
    /// What the server wants to see of the caller.
    pub key: Option<ApiKey>,
    /// Certificates (PEM) of authorities to trust beside the system's own.
    pub authorities: Vec<Vec<u8>>,
}

impl Server {
    /// A server at one address, that asks for no key.
    pub fn new(dialect: Dialect, url: impl Into<String>, model: impl Into<String>) -> Self {
        Self {
            dialect,
            urls: vec![url.into()],
            model: model.into(),
            revision: None,
            key: None,
            authorities: Vec::new(),
        }
    }
}

/// A secret. It is sent as a bearer token, and shown nowhere: not by `Debug`, not in an error, not in an event.
#[derive(Clone)]
pub struct ApiKey(String);

impl ApiKey {
    /// A key, of visible ASCII characters.
    pub fn new(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    pub(crate) fn secret(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ApiKey(hidden)")
    }
}

/// Who makes a prompt's token ids.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "prompts are tokenized here or there")]
pub enum Rendering {
    /// This process, with the model's own tokenizer and template: the server is given ids. All forms of prompts and
    /// prefill work with every server, and untrusted text never becomes a special token.
    ///
    /// A server that takes no ids is given a text, and only if its tokenizer, taken to be the same, reads that text as
    /// exactly these ids; a text that spells special tokens is therefore refused there. The server's count of the
    /// prompt's tokens is compared with ours in every answer.
    Here(Box<Chat>),
    /// The server, which is trusted with it: it is sent messages, and in most servers text that spells a special token
    /// becomes one. Only [`Prompt::Messages`](thinksafe_core::message::Prompt::Messages) work.
    Server {
        /// What the server's template writes of the assistant's turn (`<think>\n` for DeepSeek-R1), as no server tells
        /// it; often nothing.
        opening: String,
    },
}

impl Rendering {
    pub(crate) fn chat(&self) -> Option<&Chat> {
        match self {
            Self::Here(chat) => Some(chat),
            Self::Server { .. } => None,
        }
    }
}
