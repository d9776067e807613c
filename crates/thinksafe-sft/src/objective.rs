//! What is minimised: a sum of terms, each with its own loss, examples, tokens and reduction.

use serde::{Deserialize, Serialize};
use thinksafe_core::prompt::PromptLabel;

use crate::Error;
use crate::example::Example;

/// A sum of loss terms.
///
/// ```
/// use thinksafe_sft::{Objective, Reduction};
///
/// let sft = Objective::cross_entropy();
/// assert_eq!(sft.terms.len(), 1);
/// let kl = Objective::thinksafe_kl(Reduction::TokenMean);
/// assert_eq!(kl.terms.len(), 2);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Objective {
    /// The terms; the loss is their sum.
    pub terms: Vec<Term>,
}

/// One term of an objective.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Term {
    /// The loss of one token.
    pub loss: TokenLoss,
    /// The examples that it applies to.
    pub on: Subset,
    /// The tokens that it applies to.
    pub tokens: Tokens,
    /// How token losses become one number.
    pub reduction: Reduction,
    /// The factor in the sum.
    pub coefficient: f64,
}

/// The loss of predicting one token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TokenLoss {
    /// -log p(token).
    CrossEntropy,
    /// KL(p_ref || p) over the full vocabulary; p_ref is the model with its adapter off, without gradient.
    ForwardKl,
    /// KL(p || p_ref) over the full vocabulary.
    ReverseKl,
}

impl TokenLoss {
    /// The name in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CrossEntropy => "cross_entropy",
            Self::ForwardKl => "forward_kl",
            Self::ReverseKl => "reverse_kl",
        }
    }

    /// Whether it compares with the frozen reference.
    pub fn needs_reference(self) -> bool {
        matches!(self, Self::ForwardKl | Self::ReverseKl)
    }
}

/// Which examples a term applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "a prompt is harmful or benign")]
pub enum Subset {
    /// Every example.
    All,
    /// Those whose prompt is harmful.
    Harmful,
    /// Those whose prompt is benign.
    Benign,
}

/// Which tokens of an example a term applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Tokens {
    /// Those that the example supervises, with the example's weights.
    Supervised,
    /// All, the prompt's too, with weight 1, but for one token id. The reference code trains its KL variant so, and
    /// loses the end-of-turn token where a tokenizer uses it for padding as well.
    Whole {
        /// The token that is left out wherever it stands.
        except: Option<u32>,
    },
}

/// How the token losses of a global batch become one number.
///
/// All denominators count the whole global batch, whatever subset the term applies to and however the batch is cut
/// into micro-batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reduction {
    /// The weighted sum over tokens, divided by the weight of all tokens: each token counts the same.
    TokenMean,
    /// The mean over an example's tokens, then over examples: each example counts the same.
    ExampleMean,
    /// As [`ExampleMean`](Self::ExampleMean) within a micro-batch, then summed over micro-batches, which makes the
    /// loss grow with the accumulation. What the reference code's KL trainer does; in evaluation it is `ExampleMean`.
    MicroBatchSum,
}

impl Default for Objective {
    fn default() -> Self {
        Self::cross_entropy()
    }
}

impl Objective {
    /// ThinkSafe: cross-entropy on the supervised tokens, mean over the tokens of the global batch.
    pub fn cross_entropy() -> Self {
        Self { terms: vec![Term::new(TokenLoss::CrossEntropy, Subset::All)] }
    }

    /// ThinkSafe+KL as the paper has it: cross-entropy on harmful prompts, forward KL to the frozen model on benign
    /// ones, on the same supervised tokens.
    pub fn thinksafe_kl(reduction: Reduction) -> Self {
        let term = |loss, on| Term { reduction, ..Term::new(loss, on) };
        Self {
            terms: vec![
                term(TokenLoss::CrossEntropy, Subset::Harmful),
                term(TokenLoss::ForwardKl, Subset::Benign),
            ],
        }
    }

    /// ThinkSafe+KL as the reference code ran it: prompt tokens are trained too, every token equal to `pad` is left
    /// out, each example counts the same, and micro-batches are summed. Use a micro-batch of 1, the only one with
    /// which that code runs.
    pub fn reference_kl(pad: u32) -> Self {
        let mut objective = Self::thinksafe_kl(Reduction::MicroBatchSum);
        for term in &mut objective.terms {
            term.tokens = Tokens::Whole { except: Some(pad) };
        }
        objective
    }

    /// Whether a term compares with the frozen reference.
    pub fn needs_reference(&self) -> bool {
        self.terms.iter().any(|term| term.loss.needs_reference())
    }

    pub(crate) fn validate(&self, examples: &[Example]) -> Result<(), Error> {
        let config = |reason: String| Error::Config { field: "objective", reason };
        if self.terms.is_empty() {
            return Err(config("expected at least one term".to_owned()));
        }
        for term in &self.terms {
            let coefficient = term.coefficient;
            if !coefficient.is_finite() || coefficient < 0.0 {
                return Err(config(format!("expected a coefficient from 0, found {coefficient}")));
            }
            if term.on == Subset::All {
                continue;
            }
            if let Some(unlabelled) = examples.iter().find(|e| e.label.is_none()) {
                return Err(Error::Example {
                    id: unlabelled.id.clone(),
                    reason: "the objective treats harmful and benign prompts differently, and it has no prompt label".to_owned(),
                });
            }
        }
        let applies = |e: &Example| self.terms.iter().any(|term| term.on.contains(e.label));
        match examples.iter().find(|e| !applies(e)) {
            None => Ok(()),
            Some(unused) => Err(Error::Example {
                id: unused.id.clone(),
                reason: "no term of the objective applies to its prompt label".to_owned(),
            }),
        }
    }
}

impl Term {
    /// A loss on a subset's supervised tokens: token-mean, coefficient 1.
    pub fn new(loss: TokenLoss, on: Subset) -> Self {
        let (tokens, reduction) = (Tokens::Supervised, Reduction::TokenMean);
        Self { loss, on, tokens, reduction, coefficient: 1.0 }
    }
}

impl Subset {
    /// Whether an example with this prompt label belongs to it.
    pub fn contains(self, label: Option<PromptLabel>) -> bool {
        match self {
            Self::All => true,
            Self::Harmful => label.is_some_and(PromptLabel::is_harmful),
            Self::Benign => label.is_some_and(|label| !label.is_harmful()),
        }
    }
}

impl Tokens {
    /// The weight of predicting the token at `position` of an example.
    pub(crate) fn weight(self, example: &Example, position: usize) -> f32 {
        match self {
            // The first token has nothing before it to be predicted from.
            _ if position == 0 => 0.0,
            Self::Supervised => example.weights[position],
            Self::Whole { except } if except == Some(example.ids[position]) => 0.0,
            Self::Whole { .. } => 1.0,
        }
    }

    /// The weight of an example's tokens together.
    pub(crate) fn total(self, example: &Example) -> f64 {
        (1..example.ids.len()).map(|position| f64::from(self.weight(example, position))).sum()
    }
}
