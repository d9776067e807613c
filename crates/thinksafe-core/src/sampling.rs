//! How the next token is chosen.

use serde::{Deserialize, Serialize};

use crate::Error;

/// Sampling settings of one request.
///
/// Order of application, as in `transformers`: repetition penalty, presence penalty, temperature, top-k, top-p,
/// min-p. Temperature 0 means greedy: the most likely token, after the penalties.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sampling {
    /// Divides the logits; 0 is greedy.
    pub temperature: f64,
    /// Keeps the smallest set of tokens whose probabilities reach this sum, in (0, 1]; 1 is off.
    pub top_p: f64,
    /// Keeps this many most likely tokens; 0 is off.
    pub top_k: u32,
    /// Drops tokens less likely than this share of the most likely one, in [0, 1); 0 is off.
    pub min_p: f64,
    /// Divides positive (multiplies negative) logits of tokens seen in prompt or output, > 0; 1 is off.
    pub repetition_penalty: f64,
    /// Subtracted from the logits of tokens seen in the output, in [-2, 2]; 0 is off.
    pub presence_penalty: f64,
    /// The most tokens to generate, at least 1.
    pub max_new_tokens: u32,
    /// Texts that end the generation; the text found is not part of the completion.
    pub stop: Vec<String>,
}

impl Default for Sampling {
    /// The paper's trace generation (section 1.2 of the method notes): T 0.6, top-p 0.95, 16,384 tokens, top-k off.
    fn default() -> Self {
        Self {
            temperature: 0.6,
            top_p: 0.95,
            top_k: 0,
            min_p: 0.0,
            repetition_penalty: 1.0,
            presence_penalty: 0.0,
            max_new_tokens: 16_384,
            stop: Vec::new(),
        }
    }
}

impl Sampling {
    /// Always the most likely token, up to `max_new_tokens`.
    pub fn greedy(max_new_tokens: u32) -> Self {
        Self { temperature: 0.0, top_p: 1.0, max_new_tokens, ..Self::default() }
    }

    /// Whether the choice needs no random number.
    pub fn is_greedy(&self) -> bool {
        self.temperature == 0.0
    }

    /// Checks every setting's range.
    ///
    /// # Errors
    /// [`Error::Sampling`] with the first setting out of range.
    pub fn validate(&self) -> Result<(), Error> {
        let check = |ok: bool, field, value: f64, expected| {
            if ok {
                Ok(())
            } else {
                Err(Error::Sampling { field, value: value.to_string(), expected })
            }
        };
        let Self { temperature, top_p, min_p, repetition_penalty, presence_penalty, .. } = *self;
        check(
            temperature.is_finite() && temperature >= 0.0,
            "temperature",
            temperature,
            "at least 0",
        )?;
        check(top_p > 0.0 && top_p <= 1.0, "top_p", top_p, "above 0, at most 1")?;
        check((0.0..1.0).contains(&min_p), "min_p", min_p, "at least 0, below 1")?;
        check(
            repetition_penalty.is_finite() && repetition_penalty > 0.0,
            "repetition_penalty",
            repetition_penalty,
            "above 0",
        )?;
        check(
            (-2.0..=2.0).contains(&presence_penalty),
            "presence_penalty",
            presence_penalty,
            "between -2 and 2",
        )?;
        check(self.max_new_tokens > 0, "max_new_tokens", 0.0, "at least 1")?;
        check(self.stop.iter().all(|s| !s.is_empty()), "stop", 0.0, "texts that are not empty")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_setting_out_of_range_is_named() {
        let bad = [
            ("temperature", Sampling { temperature: f64::NAN, ..Sampling::default() }),
            ("top_p", Sampling { top_p: 0.0, ..Sampling::default() }),
            ("min_p", Sampling { min_p: 1.0, ..Sampling::default() }),
            ("repetition_penalty", Sampling { repetition_penalty: 0.0, ..Sampling::default() }),
            ("presence_penalty", Sampling { presence_penalty: 3.0, ..Sampling::default() }),
            ("max_new_tokens", Sampling { max_new_tokens: 0, ..Sampling::default() }),
            ("stop", Sampling { stop: vec![String::new()], ..Sampling::default() }),
        ];
        for (field, sampling) in bad {
            let error = sampling.validate().unwrap_err();
            assert!(error.to_string().contains(&format!("`{field}`")), "{error}");
        }
        Sampling::default().validate().unwrap();
        Sampling::greedy(8).validate().unwrap();
    }
}
