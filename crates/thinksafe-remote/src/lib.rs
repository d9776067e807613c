//! Generation by OpenAI-compatible servers: vLLM, SGLang, llama.cpp, `transformers serve`, OpenAI.
//!
//! [`RemoteGenerator`] implements [`Generate`](thinksafe_core::generate::Generate), so trace generation, guards and
//! evaluation run on a server, or on many, as they run on the local engine: with the same record log, resumed the same
//! way.
//!
//! ```text
//! Request ──Rendering──▶ ids or messages ──Dialect──▶ JSON ──HTTP──▶ one of several addresses
//!                                                                        │  tried again: busy, broken, unreadable
//! Completion ◀───────────────────────────────────────────────────────────┘
//! ```
//!
//! * [`Server`]: what is served where. [`Dialect`]: which kind of server, and what it has.
//! * [`Rendering`]: whether prompts are tokenized here, which is safe, or by the server, which is convenient.
//! * [`RemoteOptions`]: how much is in flight, how long is waited.
//!
//! # Example
//!
//! ```no_run
//! use thinksafe_chat::Chat;
//! use thinksafe_remote::{ApiKey, Dialect, RemoteGenerator, RemoteOptions, Rendering, Server};
//!
//! # fn key() -> String { String::new() }
//! let server = Server {
//!     urls: vec!["http://gpu1:8000/v1".to_owned(), "http://gpu2:8000/v1".to_owned()],
//!     revision: Some("c1899de289a04d12100db370d81485cdf75e47ca".to_owned()),
//!     key: Some(ApiKey::new(key())),
//!     ..Server::new(Dialect::Vllm, "", "Qwen/Qwen3-0.6B")
//! };
//! // Only the tokenizer's files are needed here, not the weights.
//! let chat = Chat::load("models/Qwen3-0.6B")?;
//! let options = RemoteOptions { in_flight: 256, ..RemoteOptions::default() };
//! let mut engine = RemoteGenerator::new(&server, Rendering::Here(Box::new(chat)), options)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answer;
mod attempt;
mod call;
mod dialect;
mod endpoint;
mod engine;
mod error;
#[cfg(test)]
mod fixture;
mod logprobs;
mod options;
mod server;
mod tls;

pub use dialect::Dialect;
pub use engine::RemoteGenerator;
pub use error::{Error, Failure};
pub use options::RemoteOptions;
pub use server::{ApiKey, Rendering, Server};
