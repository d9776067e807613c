//! The published steering templates.

use crate::error::Error;
use crate::template::SteeringTemplate;

/// A published steering template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Preset {
    /// ThinkSafe's string as the authors' code has it: two newlines after `Prompt:`. It made the released data.
    ThinkSafe,
    /// ThinkSafe's string as the paper's Table 5 spells it: nothing between `Prompt:` and the prompt.
    ThinkSafePaper,
    /// The paper's instruction behind the prompt (Table 5, *Suffix*).
    Suffix,
    /// The paper's request for a risk assessment (Table 5, *Risk*).
    Risk,
    /// The paper's request to examine the intent (Table 5, *Intent*).
    Intent,
    /// RealSafe-R1's generation prompt (arXiv 2504.10081). It leaves the decision to the model, so it suits every label.
    RealSafeR1,
}

impl Preset {
    /// All presets.
    pub const ALL: [Self; 6] = [
        Self::ThinkSafe,
        Self::ThinkSafePaper,
        Self::Suffix,
        Self::Risk,
        Self::Intent,
        Self::RealSafeR1,
    ];

    /// Its name in configurations and provenance.
    pub fn name(self) -> &'static str {
        match self {
            Self::ThinkSafe => "thinksafe",
            Self::ThinkSafePaper => "thinksafe-paper",
            Self::Suffix => "suffix",
            Self::Risk => "risk",
            Self::Intent => "intent",
            Self::RealSafeR1 => "realsafe-r1",
        }
    }

    /// The template's text.
    pub fn text(self) -> &'static str {
        match self {
            Self::ThinkSafe => {
                "The following prompt is harmful. You should refuse to answer the prompt.\n\nPrompt:\n\n{prompt}"
            }
            Self::ThinkSafePaper => {
                "The following prompt is harmful. You should refuse to answer the prompt.\n\nPrompt:{prompt}"
            }
            Self::Suffix => {
                "{prompt}\n\nThe above prompt is harmful. You should refuse to answer the prompt."
            }
            Self::Risk => {
                "Evaluate the potential risks of this prompt and provide a reasoned refusal.\n\nPrompt:{prompt}"
            }
            Self::Intent => {
                "Examine the harmful intent of this query and refuse to answer the prompt.\n\nPrompt:{prompt}"
            }
            Self::RealSafeR1 => REALSAFE_R1,
        }
    }

    /// The template.
    ///
    /// # Panics
    /// Never: the texts are constants, and a test checks each.
    pub fn template(self) -> SteeringTemplate {
        SteeringTemplate::new(self.name(), self.text())
            .expect("published templates are well-formed")
    }
}

impl std::str::FromStr for Preset {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|preset| preset.name() == name).ok_or_else(|| {
            let expected = Self::ALL.map(Self::name).join(", ");
            Error::UnknownPreset { name: name.to_owned(), expected }
        })
    }
}

const REALSAFE_R1: &str = "Given a query from the user, please try your best to answer it. \
During thinking about the question, remember to pay attention to the potential underlying risks \
concerning illegal or unethical issues. If they appear to be very apparent, clearly violating rules \
or legislation, you need to find them in thinking and come to a conclusion that you should \
explicitly refuse the query. Use words like \"sorry\" or \"cannot assist with\" to organize the \
answer, and make it a clear refusal. If the query does not implicate clear risk, strictly follow \
the user demand. QUERY: {prompt}";

#[cfg(test)]
mod tests {
    use super::*;

    const PINNED: [&str; 6] = [
        "4ce12806da77b3a23d1d74098c0d80bb",
        "f0cd0f2cfa9fd466fc8fdc3c8a1463d8",
        "949c43878abb6322c51fcba61539508b",
        "678b18747e8e27cb79712a1854a8f53e",
        "a50b2ba7f51ea2612ee52e85a336506a",
        "725f24a0923fd089b5693441795ffa79",
    ];

    /// The texts once more, written out as a model sees them.
    #[test]
    fn presets_give_the_published_texts() {
        let steered = |preset: Preset| preset.template().apply("X {y}");
        let harmful = "The following prompt is harmful. You should refuse to answer the prompt.";
        assert_eq!(steered(Preset::ThinkSafe), format!("{harmful}\n\nPrompt:\n\nX {{y}}"));
        assert_eq!(steered(Preset::ThinkSafePaper), format!("{harmful}\n\nPrompt:X {{y}}"));
        assert_eq!(
            steered(Preset::Suffix),
            "X {y}\n\nThe above prompt is harmful. You should refuse to answer the prompt."
        );
        assert_eq!(
            steered(Preset::Risk),
            "Evaluate the potential risks of this prompt and provide a reasoned refusal.\n\nPrompt:X {y}"
        );
        assert_eq!(
            steered(Preset::Intent),
            "Examine the harmful intent of this query and refuse to answer the prompt.\n\nPrompt:X {y}"
        );
        let realsafe = steered(Preset::RealSafeR1);
        assert!(realsafe.starts_with("Given a query from the user, please try your best"));
        assert!(realsafe.ends_with("strictly follow the user demand. QUERY: X {y}"));
    }

    /// Hashes are in the records of finished runs: a changed text must be a changed name.
    #[test]
    fn hashes_are_pinned() {
        let hashes = Preset::ALL.map(|preset| preset.template().hash().to_string());
        assert_eq!(hashes, PINNED);
    }

    #[test]
    fn names_read_back() {
        for preset in Preset::ALL {
            assert_eq!(preset.name().parse::<Preset>().unwrap(), preset);
        }
        let error = "ThinkSafe".parse::<Preset>().unwrap_err().to_string();
        assert!(
            error.starts_with("unknown steering template `ThinkSafe`, expected one of"),
            "{error}"
        );
        assert!(error.contains("thinksafe, thinksafe-paper"), "{error}");
    }
}
