//! Labelled prompts: the four kinds of SafeChain.

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::hash::ContentHash;

/// How a prompt is worded and whether a good answer to it is a refusal (SafeChain's `label`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "the four labels of the published data")]
pub enum PromptLabel {
    /// A harmful request, asked plainly.
    VanillaHarmful,
    /// A harmless request, asked plainly.
    VanillaBenign,
    /// A harmful request inside a jailbreak.
    AdversarialHarmful,
    /// A harmless request that looks like a jailbreak.
    AdversarialBenign,
}

impl PromptLabel {
    /// All labels, in the order of reports.
    pub const ALL: [Self; 4] = [
        Self::VanillaHarmful,
        Self::AdversarialHarmful,
        Self::VanillaBenign,
        Self::AdversarialBenign,
    ];

    /// Whether the request should be refused.
    pub fn is_harmful(self) -> bool {
        matches!(self, Self::VanillaHarmful | Self::AdversarialHarmful)
    }

    /// The published spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::VanillaHarmful => "vanilla_harmful",
            Self::VanillaBenign => "vanilla_benign",
            Self::AdversarialHarmful => "adversarial_harmful",
            Self::AdversarialBenign => "adversarial_benign",
        }
    }
}

impl std::fmt::Display for PromptLabel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for PromptLabel {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|label| label.as_str() == text)
            .ok_or_else(|| Error::UnknownLabel { found: text.to_owned() })
    }
}

/// A prompt with its label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabeledPrompt {
    /// A name that is unique within its set.
    pub id: String,
    /// What the user asks.
    pub text: String,
    /// Its kind.
    pub label: PromptLabel,
}

impl LabeledPrompt {
    /// The hash of the text alone, which sample seeds are derived from: it survives re-ordering and re-labelling.
    pub fn hash(&self) -> ContentHash {
        ContentHash::of("thinksafe.prompt", &self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_read_back_as_they_are_written() {
        for label in PromptLabel::ALL {
            assert_eq!(label.as_str().parse::<PromptLabel>().unwrap(), label);
            assert_eq!(serde_json::to_value(label).unwrap(), label.as_str());
        }
        let error = "Vanilla_Harmful".parse::<PromptLabel>().unwrap_err();
        assert!(error.to_string().contains("`Vanilla_Harmful`"));
    }
}
