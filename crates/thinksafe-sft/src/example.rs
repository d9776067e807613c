//! Tokenized examples: what the trainer trains on.

use serde::{Deserialize, Serialize};
use thinksafe_core::hash::ContentHash;
use thinksafe_core::prompt::PromptLabel;

use crate::Error;

/// One tokenized example with the weight of each token in the loss.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// A name, for messages.
    pub id: String,
    /// The whole conversation.
    pub ids: Vec<u32>,
    /// The weight of each token as a target: 0 for tokens that are only read, 1 for supervised ones. As many as
    /// `ids`; the first is never a target, as nothing stands before it.
    pub weights: Vec<f32>,
    /// The prompt's label, for objectives that treat harmful and benign prompts differently.
    pub label: Option<PromptLabel>,
}

impl Example {
    /// An example from token ids and a mask of the supervised ones.
    pub fn from_mask(id: impl Into<String>, ids: Vec<u32>, supervised: &[bool]) -> Self {
        let weights = supervised.iter().map(|s| f32::from(u8::from(*s))).collect();
        Self { id: id.into(), ids, weights, label: None }
    }

    /// The same example with a prompt label.
    #[must_use]
    pub fn labeled(self, label: PromptLabel) -> Self {
        Self { label: Some(label), ..self }
    }

    /// How many tokens are supervised.
    pub fn supervised_tokens(&self) -> usize {
        self.weights.iter().skip(1).filter(|weight| **weight > 0.0).count()
    }

    /// Checks that the example can be trained on by a model with this vocabulary size.
    ///
    /// # Errors
    /// [`Error::Example`] if a token is outside the vocabulary, if there is not one finite, non-negative weight for
    /// each token, or if nothing is supervised.
    pub fn validate(&self, vocabulary: usize) -> Result<(), Error> {
        let wrong = |reason: String| Err(Error::Example { id: self.id.clone(), reason });
        if self.weights.len() != self.ids.len() {
            return wrong(format!("{} tokens with {} weights", self.ids.len(), self.weights.len()));
        }
        if let Some(id) = self.ids.iter().find(|id| **id as usize >= vocabulary) {
            return wrong(format!("token {id} is outside the vocabulary of {vocabulary}"));
        }
        if let Some(weight) = self.weights.iter().find(|w| !w.is_finite() || **w < 0.0) {
            return wrong(format!("weight {weight} is not a finite number from 0"));
        }
        if self.supervised_tokens() == 0 {
            return wrong("no token is supervised".to_owned());
        }
        Ok(())
    }
}

/// The hash of a training set: ids, weights and labels in their order.
pub(crate) fn data_hash(examples: &[Example]) -> ContentHash {
    let hashes: Vec<ContentHash> =
        examples.iter().map(|e| ContentHash::of("thinksafe.sft.example", e)).collect();
    ContentHash::of("thinksafe.sft.data", &hashes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unusable_examples_are_refused_with_their_name_and_the_reason() {
        let good = Example::from_mask("e1", vec![1, 2, 3], &[false, false, true]);
        good.validate(4).unwrap();
        let cases = [
            (Example { weights: vec![1.0], ..good.clone() }, "3 tokens with 1 weights"),
            (Example { ids: vec![1, 2, 9], ..good.clone() }, "token 9 is outside"),
            (Example { weights: vec![0.0, f32::NAN, 1.0], ..good.clone() }, "weight NaN"),
            (Example { weights: vec![0.0, -1.0, 1.0], ..good.clone() }, "weight -1"),
            (Example { weights: vec![1.0, 0.0, 0.0], ..good }, "no token is supervised"),
        ];
        for (example, reason) in cases {
            let error = example.validate(4).unwrap_err().to_string();
            assert!(error.contains("`e1`") && error.contains(reason), "{error}");
        }
    }

    #[test]
    fn the_data_hash_sees_every_field() {
        let a = Example::from_mask("a", vec![1, 2], &[false, true]);
        let variants = [
            Example { ids: vec![1, 3], ..a.clone() },
            Example { weights: vec![0.0, 0.5], ..a.clone() },
            a.clone().labeled(PromptLabel::VanillaBenign),
        ];
        let base = data_hash(std::slice::from_ref(&a));
        assert!(variants.iter().all(|v| data_hash(std::slice::from_ref(v)) != base));
        let b = Example::from_mask("b", vec![1], &[true]);
        assert_ne!(data_hash(&[a.clone(), b.clone()]), data_hash(&[b, a]));
    }
}
