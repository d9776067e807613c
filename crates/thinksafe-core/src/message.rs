//! Messages of a conversation, and prompts in the three forms that engines take.

use serde::{Deserialize, Serialize};

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(clippy::exhaustive_enums, reason = "the roles that every chat template knows")]
pub enum Role {
    /// Instructions that stand above the conversation.
    System,
    /// The person who asks.
    User,
    /// The model.
    Assistant,
}

/// One turn of a conversation.
///
/// The content is untrusted: whatever it spells, no part of it becomes a special token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub content: String,
}

impl Message {
    /// A message of the given role.
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Self { role, content: content.into() }
    }

    /// A user's message.
    pub fn user(content: impl Into<String>) -> Self {
        Self::new(Role::User, content)
    }

    /// An assistant's message.
    pub fn assistant(content: impl Into<String>) -> Self {
        Self::new(Role::Assistant, content)
    }
}

/// A piece of a prompt that was assembled outside a chat template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "text is trusted or it is not")]
pub enum Part {
    /// Text of the prompt's author; special tokens in it are special tokens.
    Template(String),
    /// Text from outside; it stays plain text whatever it spells.
    Text(String),
}

/// What a model is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "engines must handle each form or refuse it by name")]
pub enum Prompt {
    /// A conversation, rendered with the engine's chat template and its generation prompt.
    Messages(Vec<Message>),
    /// A prompt with its own layout (a guard without a chat template). The engine adds BOS where its tokenizer does.
    Parts(Vec<Part>),
    /// Token ids, used as they are.
    Ids(Vec<u32>),
}
