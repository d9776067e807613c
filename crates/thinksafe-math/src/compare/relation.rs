//! Equations and inequalities: equal if one is the other, turned round or multiplied.

use std::collections::BTreeSet;

use super::Comparer;
use crate::expr::{Expr, Relation};

/// Sides, and the relations between them.
type Chain<'a> = (&'a Vec<Expr>, &'a Vec<Relation>);

impl Comparer<'_> {
    pub(super) fn relations(&mut self, prediction: Chain<'_>, reference: Chain<'_>) -> bool {
        let flipped_sides: Vec<Expr> = prediction.0.iter().rev().cloned().collect();
        let flipped: Vec<Relation> = prediction.1.iter().rev().map(|r| r.flipped()).collect();
        let has_ordering = |r: &Relation| !matches!(r, Relation::Element | Relation::Other(_));
        let turned = prediction.1.iter().all(has_ordering);
        let same_value = |r: &Vec<Relation>| r == reference.1;
        if same_value(prediction.1) && self.ordered_sides(prediction.0, reference.0) {
            return true;
        }
        if turned && same_value(&flipped) && self.ordered_sides(&flipped_sides, reference.0) {
            return true;
        }
        if let (([p], [r]), true) = ((prediction.1.as_slice(), reference.1.as_slice()), turned)
            && self.multiples((prediction.0, *p), (reference.0, *r))
        {
            return true;
        }
        if names(prediction.0) != names(reference.0) {
            return false;
        }
        let relation =
            |(sides, relations): Chain<'_>| Expr::Relation(sides.clone(), relations.clone());
        self.same_reals(&relation(prediction), &relation(reference))
    }

    /// Sides are compared as they are: in `x = 1` and `y = 1` the names matter.
    fn ordered_sides(&mut self, prediction: &[Expr], reference: &[Expr]) -> bool {
        prediction.len() == reference.len()
            && prediction.iter().zip(reference).all(|(p, r)| p == r || self.compare(p, r))
    }

    /// Whether left minus right is the same up to a factor that keeps the relation.
    fn multiples(
        &mut self,
        (prediction, p): (&[Expr], Relation),
        (reference, r): (&[Expr], Relation),
    ) -> bool {
        if prediction.iter().chain(reference).any(Expr::is_structure) {
            return false;
        }
        let symmetric = |r: Relation| matches!(r, Relation::Equal | Relation::NotEqual);
        if p != r && p.flipped() != r && !self.options.undirected {
            return false;
        }
        if self.options.undirected {
            let (p, r) = (absolute_difference(prediction), absolute_difference(reference));
            return self.scalars(&p, &r);
        }
        let difference = |sides: &[Expr]| sides[0].clone().minus(sides[1].clone());
        match self.constant_ratio(&difference(prediction), &difference(reference)) {
            Some(_) if symmetric(p) => true,
            Some(ratio) => (ratio > 0.0) == (p == r),
            None => false,
        }
    }
}

/// The variables that occur.
fn names(sides: &[Expr]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for side in sides {
        side.collect_symbols(&mut names);
    }
    names
}

fn absolute_difference(sides: &[Expr]) -> Expr {
    Expr::call("abs", vec![sides[0].clone().minus(sides[1].clone())])
}
