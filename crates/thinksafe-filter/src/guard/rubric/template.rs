//! A rubric's text with places for the exchange.

use serde::{Deserialize, Serialize};
use thinksafe_core::judge::Exchange;

use crate::error::Error;

/// A text with `{prompt}` and `{response}` in it; all other braces are text, so that a rubric can show JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RubricTemplate(String);

impl RubricTemplate {
    /// Takes a text that shows the response; showing the request is the caller's choice.
    ///
    /// # Errors
    /// [`Error::Template`] if `{response}` is missing.
    pub fn parse(text: impl Into<String>) -> Result<Self, Error> {
        let text = text.into();
        if !text.contains(RESPONSE) {
            return Err(Error::Template { problem: "the placeholder {response} is missing" });
        }
        Ok(Self(text))
    }

    /// The text with the exchange in it. What the exchange spells is not looked at for placeholders.
    pub(crate) fn fill(&self, exchange: &Exchange) -> String {
        let filled = |text: &str| text.replace(PROMPT, &exchange.prompt);
        self.0.split(RESPONSE).map(filled).collect::<Vec<_>>().join(&exchange.response)
    }
}

impl TryFrom<String> for RubricTemplate {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        Self::parse(text)
    }
}

impl From<RubricTemplate> for String {
    fn from(template: RubricTemplate) -> Self {
        template.0
    }
}

const PROMPT: &str = "{prompt}";
const RESPONSE: &str = "{response}";
