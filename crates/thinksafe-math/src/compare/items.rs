//! Sets, tuples, intervals and enumerations.

use super::Comparer;
use crate::expr::{Brackets, Expr};

impl Comparer<'_> {
    /// The reference says whether order matters: it does in round and square brackets, not in braces and without.
    pub(super) fn items(
        &mut self,
        (prediction_brackets, prediction): (Brackets, &[Expr]),
        (reference_brackets, reference): (Brackets, &[Expr]),
    ) -> bool {
        let ends = |b: Brackets| matches!(b, Brackets::Ends { .. });
        // Of two items the brackets may be those of an interval; only `(a, b)` is a pair too.
        let pair =
            |b: Brackets| !ends(b) || b == Brackets::Ends { left_open: true, right_open: true };
        let comparable = prediction_brackets == reference_brackets
            || reference.len() != 2
            || pair(prediction_brackets) && pair(reference_brackets);
        if self.options.ordered || ends(reference_brackets) {
            return comparable && self.ordered(prediction, reference);
        }
        comparable && self.unordered(prediction, reference)
    }

    pub(super) fn ordered(&mut self, prediction: &[Expr], reference: &[Expr]) -> bool {
        prediction.len() == reference.len()
            && prediction.iter().zip(reference).all(|(p, r)| self.equal(p, r))
    }

    /// Each of one has its equal in the other; how often something is said does not matter.
    pub(super) fn unordered(&mut self, prediction: &[Expr], reference: &[Expr]) -> bool {
        prediction.iter().all(|p| reference.iter().any(|r| self.equal(p, r)))
            && reference.iter().all(|r| prediction.iter().any(|p| self.equal(p, r)))
    }

    /// Unions and intersections of parts that are no sets of real numbers.
    pub(super) fn same_operation(&mut self, prediction: &Expr, reference: &Expr) -> bool {
        match (prediction, reference) {
            (Expr::SetOperation(p, left), Expr::SetOperation(r, right)) if p == r => {
                if *p == '∖' { self.ordered(left, right) } else { self.unordered(left, right) }
            }
            _ => false,
        }
    }
}
