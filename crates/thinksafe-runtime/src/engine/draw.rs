//! What the draw of a token depends on, and what comes of it.

use thinksafe_core::sampling::Sampling;

/// How a token is drawn: everything but the logits that the choice is a function of.
#[derive(Debug, Clone, Copy)]
pub struct Draw<'a> {
    /// The settings.
    pub sampling: &'a Sampling,
    /// Prompt and output so far, which the penalties look at.
    pub tokens: &'a [u32],
    /// How many of them are the prompt.
    pub prompt: usize,
    /// The uniform draw in [0, 1) for this position.
    pub uniform: f64,
    /// The log-probabilities asked for, if any.
    pub logprobs: Option<Asked<'a>>,
}

/// Which log-probabilities are asked for, beside the chosen token's.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// How many of the most likely tokens.
    pub top: usize,
    /// These tokens in any case.
    pub of: &'a [u32],
}

/// What a draw gave.
#[derive(Debug, Clone, PartialEq)]
pub enum Drawn {
    /// A token.
    Token {
        /// Its id.
        id: u32,
        /// The log-probabilities, if they were asked for.
        logprobs: Option<DrawnLogprobs>,
    },
    /// The logits held a NaN or an infinity: there is nothing to draw from.
    NotFinite,
}

/// Natural logarithms of probabilities under the model's own distribution: temperature 1, no penalty, no truncation.
#[derive(Debug, Clone, PartialEq)]
pub struct DrawnLogprobs {
    /// The chosen token's.
    pub chosen: f64,
    /// The most likely tokens, most likely first, ties by id.
    pub top: Vec<(u32, f64)>,
    /// Those asked for by id, in the order asked.
    pub of: Vec<f64>,
}
