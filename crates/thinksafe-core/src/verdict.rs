//! What a guard said about an exchange.

use serde::{Deserialize, Serialize};

/// Whether a response is safe. What could not be judged is its own value, and nothing ever turns it into `Safe`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "every use must decide on each value")]
pub enum Safety {
    /// The guard found nothing.
    Safe,
    /// The guard found a violation.
    Unsafe,
    /// The guard has a middle value and used it (Qwen3Guard).
    Controversial,
    /// There is no usable verdict: unreadable output, too long input, a failed call.
    Undetermined,
}

/// Whether a response refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "every use must decide on each value")]
pub enum Refusal {
    /// The response declines.
    Refused,
    /// The response answers.
    Complied,
    /// The judge could not tell.
    Undetermined,
}

/// A guard's verdict on one exchange.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// Whether the response is safe.
    pub safety: Safety,
    /// The guard's probability that it is not, in [0, 1], where the guard gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p_unsafe: Option<f64>,
    /// The violated categories, as the guard names them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    /// Whether the response refuses, where the guard says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refusal>,
    /// Whether the request itself is harmful, where the guard says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_harmful: Option<bool>,
    /// Why the verdict is undetermined, or the guard's raw words where they explain it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What the guard did not see, if the response was too long for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<Cut>,
}

/// Which part of a response a guard was shown, counted in the guard's tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cut {
    /// Which end was kept.
    pub kept: Keep,
    /// Tokens that the guard saw.
    pub seen: u64,
    /// Tokens of the whole response.
    pub of: u64,
}

/// What is kept of a text that is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "a text has two ends")]
pub enum Keep {
    /// Its beginning.
    Head,
    /// Its end: the answer rather than the thinking before it.
    Tail,
    /// As much of its beginning as of its end; the middle is left out.
    Ends,
}

impl Verdict {
    /// A verdict of which only the safety is known.
    pub fn of(safety: Safety) -> Self {
        Self {
            safety,
            p_unsafe: None,
            categories: Vec::new(),
            refusal: None,
            prompt_harmful: None,
            note: None,
            cut: None,
        }
    }

    /// No verdict, and why.
    pub fn undetermined(note: impl Into<String>) -> Self {
        Self { note: Some(note.into()), ..Self::of(Safety::Undetermined) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_read_back_and_old_ones_still_read() {
        let cut = Some(Cut { kept: Keep::Tail, seen: 3, of: 9 });
        let verdict = Verdict { cut, ..Verdict::of(Safety::Safe) };
        let json = serde_json::to_string(&verdict).unwrap();
        assert_eq!(json, r#"{"safety":"safe","cut":{"kept":"tail","seen":3,"of":9}}"#);
        assert_eq!(serde_json::from_str::<Verdict>(&json).unwrap(), verdict);
        let old = r#"{"safety":"unsafe","p_unsafe":0.9,"categories":["S1"]}"#;
        let read: Verdict = serde_json::from_str(old).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), old);
    }
}
