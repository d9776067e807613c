//! What names an answer, and what it is.

use crate::expr::{Brackets, Constant, Expr, Relation};

/// `1 ± x` as `1 + x, 1 - x`.
pub(super) fn both_signs(expr: &Expr) -> Expr {
    if !expr.any(&|part| matches!(part, Expr::PlusMinus(..))) {
        return expr.clone();
    }
    let choose = |upper: bool| {
        expr.clone().map(&|part| match part {
            Expr::PlusMinus(plus, inner) if plus == upper => *inner,
            Expr::PlusMinus(_, inner) => inner.negated(),
            other => other,
        })
    };
    Expr::Items(Brackets::None, vec![choose(true), choose(false)])
}

/// Takes off what names an answer: `x = 5` is 5 where the other is no equation, `x ∈ S` is S.
///
/// The reference says what is asked for. If it is an assignment, its value is enough; if it is an equation such as
/// `a + 3z = 0`, its right side is not.
pub(super) fn unwrapped(prediction: &Expr, reference: &Expr) -> (Expr, Expr) {
    let (prediction, reference) = (membership(prediction), membership(reference));
    let (prediction, reference) = (ends(prediction), ends(reference));
    if let Some(value) = equation_value(&prediction)
        && equation_value(&reference).is_none()
        && !matches!(reference, Expr::Relation(..))
    {
        return (value.clone(), reference);
    }
    if is_assignment(&reference)
        && let Some(value) = equation_value(&reference)
        && equation_value(&prediction).is_none()
    {
        return (prediction, value.clone());
    }
    (prediction, reference)
}

/// `x ∈ S` is S.
fn membership(expr: &Expr) -> Expr {
    match expr {
        Expr::Relation(sides, relations)
            if relations.as_slice() == [Relation::Element] && names_something(&sides[0]) =>
        {
            sides[1].clone()
        }
        other => other.clone(),
    }
}

/// `x = 2 + 3 = 5` is `x = 5`.
fn ends(expr: Expr) -> Expr {
    match expr {
        Expr::Relation(mut sides, relations)
            if relations.len() > 1
                && relations.iter().all(|r| *r == Relation::Equal)
                && names_something(&sides[0]) =>
        {
            let last = sides.pop();
            sides.truncate(1);
            sides.extend(last);
            Expr::Relation(sides, vec![Relation::Equal])
        }
        other => other,
    }
}

/// The last side of an equation.
fn equation_value(expr: &Expr) -> Option<&Expr> {
    match expr {
        Expr::Relation(sides, relations) if relations.iter().all(|r| *r == Relation::Equal) => {
            sides.last()
        }
        _ => None,
    }
}

fn is_assignment(expr: &Expr) -> bool {
    match expr {
        Expr::Relation(sides, _) => equation_value(expr).is_some() && names_something(&sides[0]),
        _ => false,
    }
}

/// Whether this is a name: of variables, functions of them, words, and products and tuples of such.
fn names_something(expr: &Expr) -> bool {
    match expr {
        Expr::Symbol(_) | Expr::Text(_) => true,
        Expr::Constant(constant) => matches!(constant, Constant::E | Constant::I),
        Expr::Call(_, parts) | Expr::Product(parts) | Expr::Items(_, parts) => {
            let name = |e: &Expr| {
                names_something(e) || matches!(expr, Expr::Call(..)) && e.natural().is_some()
            };
            parts.iter().all(name)
        }
        Expr::Power(base, exponent) => {
            names_something(base) && exponent.literal() == Expr::integer(-1).literal()
        }
        _ => false,
    }
}
