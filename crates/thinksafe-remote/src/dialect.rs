//! The servers that are spoken to, and what each of them has.

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Which server speaks OpenAI's protocol: they agree on its beginnings, and differ in everything that matters here.
///
/// | | vLLM | SGLang | llama.cpp | transformers serve | OpenAI |
/// |---|---|---|---|---|---|
/// | prompts as token ids | yes | yes | yes | text, if it is read as the same ids | yes |
/// | ids of what was generated | yes | no | no | no | no |
/// | prefill behind the server's template | yes | yes | yes | no | no |
/// | top-k, min-p, repetition penalty | yes | yes | yes | yes | no |
/// | presence penalty | yes | yes | no: counts the prompt | no | yes |
/// | stop texts | yes | yes | no: not told which | yes | no: not told which |
/// | seed of a request | yes | with `--enable-deterministic-inference` | yes | one request at a time | best effort |
/// | log-probabilities | the model's own | if sampling leaves them alone | the model's own | no | if sampling leaves them alone |
/// | most likely tokens with ids | if tokenized here | no | yes | no | no |
///
/// What a server lacks and a request asks for is refused by name
/// ([`RequestError::Unsupported`](thinksafe_core::generate::RequestError::Unsupported)), never left out. In vLLM min-p
/// comes before top-p, elsewhere after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Dialect {
    /// llama.cpp's `llama-server`.
    LlamaCpp,
    /// OpenAI's own service, and what offers no more than that.
    OpenAi,
    /// SGLang.
    Sglang,
    /// `transformers serve`, of transformers 5.
    Transformers,
    /// vLLM, from 0.10.2 on: the first to return token ids.
    Vllm,
}

/// Whose log-probabilities a server returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogprobsOf {
    /// None.
    Nothing,
    /// The distribution that tokens are drawn from.
    Sampler,
    /// The model's own distribution, whatever the sampling.
    Model,
}

impl Dialect {
    const ALL: [Self; 5] =
        [Self::LlamaCpp, Self::OpenAi, Self::Sglang, Self::Transformers, Self::Vllm];

    /// The name that it is chosen by.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LlamaCpp => "llama-cpp",
            Self::OpenAi => "open-ai",
            Self::Sglang => "sglang",
            Self::Transformers => "transformers",
            Self::Vllm => "vllm",
        }
    }

    /// Whether a prompt can be given as token ids.
    pub(crate) fn takes_ids(self) -> bool {
        self != Self::Transformers
    }

    /// Whether it lists the model it serves with the length of its context.
    pub(crate) fn lists_context(self) -> bool {
        matches!(self, Self::Sglang | Self::Vllm)
    }

    /// Whether it says which stop text ended a completion, or leaves it in the text.
    pub(crate) fn tells_stop(self) -> bool {
        matches!(self, Self::Sglang | Self::Transformers | Self::Vllm)
    }

    /// Whether seeds of requests that run at the same time disturb each other.
    pub(crate) fn shares_seed(self) -> bool {
        self == Self::Transformers
    }

    pub(crate) fn logprobs(self) -> LogprobsOf {
        match self {
            Self::Transformers => LogprobsOf::Nothing,
            Self::OpenAi | Self::Sglang => LogprobsOf::Sampler,
            Self::LlamaCpp | Self::Vllm => LogprobsOf::Model,
        }
    }

    /// The largest number of most likely tokens that a server returns as it is delivered.
    pub(crate) fn most_logprobs(self, chat: bool) -> u32 {
        if self == Self::OpenAi && !chat { 5 } else { 20 }
    }
}

impl std::fmt::Display for Dialect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Dialect {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let found = Self::ALL.into_iter().find(|dialect| dialect.as_str() == text);
        found.ok_or_else(|| Error::UnknownDialect { found: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dialects_read_back_as_they_are_written() {
        for dialect in Dialect::ALL {
            assert_eq!(dialect.as_str().parse::<Dialect>().unwrap(), dialect);
            assert_eq!(serde_json::to_value(dialect).unwrap(), dialect.as_str());
        }
        let error = "VLLM".parse::<Dialect>().unwrap_err();
        assert!(error.to_string().contains("`VLLM`"), "{error}");
    }
}
