//! The crate's errors.

/// What can go wrong with a served model as a whole. What concerns one request is data: its completion says so.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An address is none.
    #[error("server address `{url}` is {problem}, expected one like http://host:8000/v1")]
    Address {
        /// The address, without a password.
        url: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A certificate of an authority to trust is none.
    #[error("`authorities[{index}]` is not a PEM certificate")]
    Authority {
        /// Which of them.
        index: usize,
        /// What is wrong with it.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// An answer lacks what the protocol, or this kind of server, has in it.
    #[error("{endpoint} answered without {expected}")]
    Answer {
        /// The server.
        endpoint: String,
        /// What is missing.
        expected: &'static str,
    },
    /// The client for HTTP could not be made.
    #[error("cannot set up the client for HTTP")]
    Client {
        /// What it reported.
        #[source]
        source: reqwest::Error,
    },
    /// A request failed as often as it may be tried.
    #[error("{endpoint}: a request failed {tries} times")]
    GaveUp {
        /// The server that was tried last.
        endpoint: String,
        /// The tries.
        tries: u32,
        /// The last failure.
        #[source]
        source: Failure,
    },
    /// The engine was called from a thread that drives asynchronous tasks, which it would block.
    #[error(
        "the engine waits for its server: call it outside asynchronous code, or with spawn_blocking"
    )]
    InsideRuntime,
    /// The key has characters that no header may have. It is not shown.
    #[error("the API key has characters other than visible ASCII")]
    Key,
    /// The server serves other models.
    #[error("{endpoint} serves no model `{model}`, but {served}")]
    NoModel {
        /// The server.
        endpoint: String,
        /// The model asked for.
        model: String,
        /// What it serves.
        served: String,
    },
    /// A setting is out of its range.
    #[error("remote option `{field}` is {found}, expected {expected}")]
    Option {
        /// The setting.
        field: &'static str,
        /// Its value.
        found: String,
        /// The range.
        expected: &'static str,
    },
    /// The server takes the thinking out of the text, after which nobody knows what the model wrote.
    #[error(
        "{endpoint} separates the model's thinking from its answer: start it without a reasoning parser, or tokenize here"
    )]
    ReasoningSplit {
        /// The server.
        endpoint: String,
    },
    /// The server refuses what does not depend on the prompt: model, path, settings.
    #[error("{endpoint} refuses requests with status {status}: {message}")]
    Refused {
        /// The server.
        endpoint: String,
        /// The HTTP status.
        status: u16,
        /// The server's words.
        message: String,
    },
    /// The system gives no event loop.
    #[error("cannot start the event loop")]
    Runtime {
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// The caller asked to stop; what was finished has been handed over.
    #[error("stopped on request")]
    Stopped,
    /// TLS could not be set up: the system has no certificates of authorities, say.
    #[error("cannot set up TLS")]
    Tls {
        /// What is missing.
        #[source]
        source: rustls::Error,
    },
    /// The server reads another number of tokens than it was sent.
    #[error(
        "{endpoint} reads {found} tokens in a prompt of {expected}: its tokenizer is another one, or it adds tokens"
    )]
    Tokenizer {
        /// The server.
        endpoint: String,
        /// Tokens of the prompt.
        expected: usize,
        /// Tokens that the server counted.
        found: usize,
    },
    /// The server does not accept the key.
    #[error("{endpoint} does not accept the API key, or wants one (status {status})")]
    Unauthorized {
        /// The server.
        endpoint: String,
        /// The HTTP status.
        status: u16,
    },
    /// A name is of no known kind of server.
    #[error("unknown server `{found}`, expected llama-cpp, open-ai, sglang, transformers or vllm")]
    UnknownDialect {
        /// The name.
        found: String,
    },
}

/// Why one try of a request failed; it is tried again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The server gave the request up.
    #[error("the server aborted the request")]
    Aborted,
    /// The answer has more bytes than allowed.
    #[error("the answer has more than {limit} bytes")]
    TooLong {
        /// The limit.
        limit: usize,
    },
    /// The connection failed, broke, or took too long.
    #[error("no complete answer")]
    Transport {
        /// What the client reported.
        #[source]
        source: reqwest::Error,
    },
    /// The server is busy or broken.
    #[error("status {status}: {message}")]
    Status {
        /// The HTTP status.
        status: u16,
        /// The server's words.
        message: String,
    },
    /// The answer is no JSON.
    #[error("the answer is not JSON")]
    Unreadable {
        /// Where it stops being so.
        #[source]
        source: serde_json::Error,
    },
}

impl Failure {
    pub(crate) fn transport(source: reqwest::Error) -> Self {
        Self::Transport { source: source.without_url() }
    }
}
