//! Tokenizers, chat templates and segments straight from Hugging Face folders, without libtorch.
//!
//! ```text
//! Prompt ──ChatTemplate──▶ text ──Tokenizer──▶ EncodedPrompt { ids, opening }   what a model is given
//! messages + Trace ─────────────────────────▶ Segments { ids, spans }          what a model learns
//! ```
//!
//! * [`Chat`] is a folder: tokenizer, template, special tokens, the tokens that end a turn.
//! * [`ChatTemplate`] renders what transformers renders, and stops templates that do not stop.
//! * [`Tokenizer`] encodes and decodes as Hugging Face's tokenizers do; [`StreamDecoder`] decodes as ids come.
//!
//! **Invariants.** Untrusted text never becomes an added token, also not together with what a template writes next
//! to it; text that spells none is encoded as transformers encodes it. A prompt has exactly one BOS where its model
//! has one. The prompt's ids are a strict prefix of the training example's.
//!
//! # Example
//!
//! ```no_run
//! use thinksafe_chat::{Chat, SpanKind};
//! use thinksafe_core::message::{Message, Prompt};
//! use thinksafe_core::trace::Trace;
//!
//! let chat = Chat::load("models/Qwen3-0.6B")?;
//! let messages = vec![Message::user("What is 2 + 2?")];
//! let prompt = chat.encode_prompt(&Prompt::Messages(messages.clone()), None)?;
//!
//! let trace = Trace { thinking: Some("A sum.".to_owned()), answer: "4".to_owned() };
//! let example = chat.encode_example(&messages, &trace)?;
//! assert!(example.ids.starts_with(&prompt.ids));
//! println!("{} tokens of thinking", example.range(SpanKind::Thinking).len());
//! # Ok::<(), thinksafe_chat::Error>(())
//! ```

mod chat;
mod clock;
mod error;
mod example;
mod folder;
mod shield;
mod stream;
mod template;
mod tokenizer;
mod tokens;

pub use chat::{Chat, EncodedPrompt, Turn};
pub use clock::DateTime;
pub use error::Error;
pub use example::{Segments, Span, SpanKind};
pub use stream::StreamDecoder;
pub use template::ChatTemplate;
pub use tokenizer::{Framing, SpecialTokens, Tokenizer};
