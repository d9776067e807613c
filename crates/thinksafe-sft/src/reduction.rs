//! From token losses to one number: the coefficient of every token of a micro-batch, computed on the host.

use crate::example::Example;
use crate::objective::{Reduction, Term};

/// What a term's token losses are divided by, for one global batch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Denominators {
    tokens: f64,
    examples: f64,
}

impl Denominators {
    pub(crate) fn of(term: &Term, global_batch: &[&Example]) -> Self {
        let tokens = global_batch.iter().map(|example| term.tokens.total(example)).sum();
        Self { tokens, examples: global_batch.len() as f64 }
    }
}

/// The predictions of a micro-batch that one term applies to. All three vectors have one entry a prediction.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct TermTokens {
    /// The index, among the tokens of all rows one behind the other, from which the prediction is made.
    pub(crate) positions: Vec<i64>,
    /// The token to be predicted.
    pub(crate) targets: Vec<i64>,
    /// The factor of its loss in the sum.
    pub(crate) coefficients: Vec<f32>,
}

impl TermTokens {
    /// The predictions for the rows of a micro-batch.
    pub(crate) fn of(term: &Term, rows: &[&Example], denominators: Denominators) -> Self {
        let mut tokens = Self::default();
        let mut start = 0;
        for example in rows {
            if term.on.contains(example.label) {
                let divisor = match term.reduction {
                    Reduction::TokenMean => denominators.tokens,
                    Reduction::ExampleMean => term.tokens.total(example) * denominators.examples,
                    Reduction::MicroBatchSum => term.tokens.total(example) * rows.len() as f64,
                };
                tokens.add(term, example, start, divisor);
            }
            start += example.ids.len();
        }
        tokens
    }

    fn add(&mut self, term: &Term, example: &Example, start: usize, divisor: f64) {
        for position in 1..example.ids.len() {
            let weight = term.tokens.weight(example, position);
            if weight > 0.0 {
                let coefficient = term.coefficient * f64::from(weight) / divisor;
                self.positions.push((start + position - 1) as i64);
                self.targets.push(i64::from(example.ids[position]));
                self.coefficients.push(coefficient as f32);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use thinksafe_core::prompt::PromptLabel;

    use super::*;
    use crate::objective::{Subset, TokenLoss, Tokens};

    fn example(n: usize, supervised_from: usize, label: PromptLabel) -> Example {
        let ids: Vec<u32> = (0..n as u32).collect();
        let supervised = (0..n).map(|i| i >= supervised_from).collect::<Vec<_>>();
        Example::from_mask("x", ids, &supervised).labeled(label)
    }

    fn sum(term: &Term, micro_batches: &[&[&Example]]) -> f64 {
        let all: Vec<&Example> = micro_batches.iter().flat_map(|m| m.iter().copied()).collect();
        let denominators = Denominators::of(term, &all);
        let tokens = |m: &&[&Example]| TermTokens::of(term, m, denominators);
        micro_batches.iter().flat_map(|m| tokens(m).coefficients).map(f64::from).sum()
    }

    #[test]
    fn predictions_stand_one_position_before_their_target() {
        let example = example(4, 2, PromptLabel::VanillaBenign);
        let term = Term::new(TokenLoss::CrossEntropy, Subset::All);
        let denominators = Denominators::of(&term, &[&example, &example]);
        let tokens = TermTokens::of(&term, &[&example, &example], denominators);
        assert_eq!(tokens.positions, [1, 2, 5, 6]);
        assert_eq!(tokens.targets, [2, 3, 2, 3]);
        assert_eq!(tokens.coefficients, [0.25; 4]);
    }

    #[test]
    fn denominators_count_examples_outside_the_subset() {
        let harmful = example(4, 2, PromptLabel::VanillaHarmful);
        let benign = example(9, 3, PromptLabel::VanillaBenign);
        let term = Term::new(TokenLoss::CrossEntropy, Subset::Harmful);
        assert!((sum(&term, &[&[&harmful, &benign]]) - 2.0 / 8.0).abs() < 1e-6);
        let term = Term { reduction: Reduction::ExampleMean, ..term };
        assert!((sum(&term, &[&[&harmful, &benign]]) - 0.5).abs() < 1e-6);
    }

    #[test]
    fn the_reference_sum_grows_with_the_accumulation() {
        let example = example(6, 2, PromptLabel::VanillaBenign);
        let term = Term {
            reduction: Reduction::MicroBatchSum,
            ..Term::new(TokenLoss::ForwardKl, Subset::Benign)
        };
        assert!((sum(&term, &[&[&example], &[&example], &[&example]]) - 3.0).abs() < 1e-6);
        assert!((sum(&term, &[&[&example, &example, &example]]) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn the_whole_example_can_leave_one_token_out() {
        let example = example(6, 4, PromptLabel::VanillaBenign);
        assert!((Tokens::Supervised.total(&example) - 2.0).abs() < 1e-12);
        assert!((Tokens::Whole { except: None }.total(&example) - 5.0).abs() < 1e-12);
        assert!((Tokens::Whole { except: Some(3) }.total(&example) - 4.0).abs() < 1e-12);
    }

    proptest! {
        /// However a global batch is cut, the coefficients of a mean sum to 1.
        #[test]
        fn means_are_means(lengths in prop::collection::vec((3usize..40, 1usize..3), 1..9), cut in 0usize..9) {
            let examples: Vec<Example> = lengths
                .iter()
                .map(|(n, from)| example(*n, *from, PromptLabel::VanillaHarmful))
                .collect();
            let rows: Vec<&Example> = examples.iter().collect();
            let (left, right) = rows.split_at(cut.min(rows.len()));
            for reduction in [Reduction::TokenMean, Reduction::ExampleMean] {
                let term = Term { reduction, ..Term::new(TokenLoss::CrossEntropy, Subset::All) };
                prop_assert!((sum(&term, &[left, right]) - 1.0).abs() < 1e-5);
            }
        }
    }
}
