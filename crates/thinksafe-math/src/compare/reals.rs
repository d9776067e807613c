//! Sets of real numbers as disjoint intervals, from brackets, unions, and linear inequalities.

use std::collections::BTreeSet;

use super::{Comparer, scalar};
use crate::budget::Budget;
use crate::expr::{Brackets, Constant, Expr, Relation};
use crate::numeric::{self, Point};

/// From one end to the other; a point is closed at both.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Interval {
    low: f64,
    high: f64,
    low_open: bool,
    high_open: bool,
}

const ALL: Interval =
    Interval { low: f64::NEG_INFINITY, high: f64::INFINITY, low_open: true, high_open: true };

/// Sorted, with gaps between them.
type Intervals = Vec<Interval>;

impl Comparer<'_> {
    /// Whether both are sets of real numbers, and the same.
    pub(super) fn same_reals(&mut self, prediction: &Expr, reference: &Expr) -> bool {
        let mut of = |expr: &Expr| set(&without_functions(expr), &mut self.budget);
        let (Some(a), Some(b)) = (of(prediction), of(reference)) else { return false };
        let near = |x: f64, y: f64| {
            let finite = x.is_finite() && y.is_finite();
            x == y || finite && (x - y).abs() <= 1e-9 * x.abs().max(y.abs()) + 1e-12
        };
        a.len() == b.len()
            && a.iter().zip(&b).all(|(a, b)| {
                a.low_open == b.low_open
                    && a.high_open == b.high_open
                    && near(a.low, b.low)
                    && near(a.high, b.high)
            })
    }
}

/// `0 < f(x) < 1` says of f(x) what `0 < y < 1` says of y.
fn without_functions(expr: &Expr) -> Expr {
    const KNOWN: [&str; 8] =
        ["abs", "floor", "ceil", "factorial", "binomial", "numeral", "ln", "log"];
    expr.clone().map(&|part| match part {
        Expr::Call(name, arguments)
            if !KNOWN.contains(&name.as_str())
                && arguments.iter().any(|a| a.any(&|p| matches!(p, Expr::Symbol(_)))) =>
        {
            Expr::Symbol(format!("{name}(…)"))
        }
        other => other,
    })
}

fn set(expr: &Expr, budget: &mut Budget) -> Option<Intervals> {
    budget.spend(4).ok()?;
    match expr {
        Expr::Constant(Constant::Reals) => Some(vec![ALL]),
        Expr::Constant(Constant::Empty) => Some(Vec::new()),
        Expr::Items(Brackets::Ends { left_open, right_open }, ends) => match ends.as_slice() {
            [low, high] => interval(low, high, *left_open, *right_open, budget),
            _ => None,
        },
        Expr::Items(_, parts) | Expr::SetOperation('∪', parts) => union_of(parts, budget),
        Expr::SetOperation('∩', parts) => {
            let mut result = vec![ALL];
            for part in parts {
                result = intersection(&result, &set(part, budget)?);
            }
            Some(result)
        }
        Expr::SetOperation(_, parts) => match parts.as_slice() {
            [whole, taken] => {
                Some(intersection(&set(whole, budget)?, &complement(&set(taken, budget)?)))
            }
            _ => None,
        },
        Expr::Relation(sides, relations) => solutions(sides, relations, budget),
        point => {
            let x = end(point, budget).filter(|x| x.is_finite())?;
            Some(vec![Interval { low: x, high: x, low_open: false, high_open: false }])
        }
    }
}

fn union_of(parts: &[Expr], budget: &mut Budget) -> Option<Intervals> {
    let mut all = Vec::new();
    for part in parts {
        all.extend(set(part, budget)?);
    }
    Some(merged(all))
}

fn interval(
    low: &Expr,
    high: &Expr,
    low_open: bool,
    high_open: bool,
    budget: &mut Budget,
) -> Option<Intervals> {
    let (low, high) = (end(low, budget)?, end(high, budget)?);
    if low > high || low == high && (low_open || high_open) {
        // A pair, and no interval.
        return None;
    }
    let interval = Interval {
        low,
        high,
        low_open: low_open || low.is_infinite(),
        high_open: high_open || high.is_infinite(),
    };
    Some(vec![interval])
}

/// A real number without unknowns, or an infinity.
fn end(expr: &Expr, budget: &mut Budget) -> Option<f64> {
    if let Some(sign) = scalar::infinite(expr) {
        return Some(f64::INFINITY * f64::from(sign));
    }
    if expr.any(&|part| matches!(part, Expr::Symbol(_))) {
        return None;
    }
    let value = numeric::value(expr, Point::new(0, 0), budget)?;
    (value.im.abs() <= 1e-9 * (1.0 + value.re.abs())).then_some(value.re)
}

/// What fulfils a chain of relations that are linear in one variable.
fn solutions(sides: &[Expr], relations: &[Relation], budget: &mut Budget) -> Option<Intervals> {
    let mut names = BTreeSet::new();
    for side in sides {
        side.collect_symbols(&mut names);
    }
    let name = (names.len() == 1).then(|| names.pop_first()).flatten()?;
    let mut result = vec![ALL];
    for (pair, relation) in sides.windows(2).zip(relations) {
        result = intersection(&result, &half_line(pair, *relation, &name, budget)?);
    }
    Some(result)
}

fn half_line(
    pair: &[Expr],
    relation: Relation,
    name: &str,
    budget: &mut Budget,
) -> Option<Intervals> {
    let [left, right] = pair else { return None };
    if relation == Relation::Element {
        return if *left == Expr::symbol(name) { set(right, budget) } else { None };
    }
    // `-∞ < x` says nothing.
    if scalar::infinite(left).is_some() || scalar::infinite(right).is_some() {
        return matches!(
            relation,
            Relation::Less | Relation::Greater | Relation::LessEqual | Relation::GreaterEqual
        )
        .then(|| vec![ALL]);
    }
    let difference = left.clone().minus(right.clone());
    let mut at = |x: i64| {
        let replaced = difference.clone().map(&|part| match part {
            Expr::Symbol(symbol) if symbol == name => Expr::integer(x),
            other => other,
        });
        let value = numeric::value(&replaced, Point::new(0, 0), budget)?;
        (value.im == 0.0).then_some(value.re)
    };
    let (zero, one, seven) = (at(0)?, at(1)?, at(7)?);
    let slope = one - zero;
    let linear = (zero + 7.0 * slope - seven).abs() <= 1e-9 * (1.0 + seven.abs());
    if !linear || slope == 0.0 {
        return None;
    }
    let root = -zero / slope;
    let relation = if slope > 0.0 { relation } else { relation.flipped() };
    let below =
        |open| Interval { low: f64::NEG_INFINITY, high: root, low_open: true, high_open: open };
    let above = |open| Interval { low: root, high: f64::INFINITY, low_open: open, high_open: true };
    Some(match relation {
        Relation::Less => vec![below(true)],
        Relation::LessEqual => vec![below(false)],
        Relation::Greater => vec![above(true)],
        Relation::GreaterEqual => vec![above(false)],
        Relation::NotEqual => vec![below(true), above(true)],
        Relation::Equal => {
            vec![Interval { low: root, high: root, low_open: false, high_open: false }]
        }
        Relation::Element | Relation::Other(_) => return None,
    })
}

fn merged(mut parts: Intervals) -> Intervals {
    parts.sort_by(|a, b| a.low.total_cmp(&b.low).then(a.low_open.cmp(&b.low_open)));
    let mut result: Intervals = Vec::new();
    for next in parts {
        match result.last_mut() {
            Some(last) if touches(last, &next) => {
                if next.high > last.high || next.high == last.high && !next.high_open {
                    (last.high, last.high_open) = (next.high, next.high_open);
                }
            }
            _ => result.push(next),
        }
    }
    result
}

/// Whether nothing lies between the end of one and the beginning of the next.
fn touches(last: &Interval, next: &Interval) -> bool {
    next.low < last.high || next.low == last.high && !(next.low_open && last.high_open)
}

fn intersection(a: &[Interval], b: &[Interval]) -> Intervals {
    let mut result = Vec::new();
    for x in a {
        for y in b {
            let (low, low_open) = match x.low.total_cmp(&y.low) {
                std::cmp::Ordering::Less => (y.low, y.low_open),
                std::cmp::Ordering::Greater => (x.low, x.low_open),
                std::cmp::Ordering::Equal => (x.low, x.low_open || y.low_open),
            };
            let (high, high_open) = match x.high.total_cmp(&y.high) {
                std::cmp::Ordering::Less => (x.high, x.high_open),
                std::cmp::Ordering::Greater => (y.high, y.high_open),
                std::cmp::Ordering::Equal => (x.high, x.high_open || y.high_open),
            };
            if low < high || low == high && !low_open && !high_open {
                result.push(Interval { low, high, low_open, high_open });
            }
        }
    }
    result
}

fn complement(parts: &[Interval]) -> Intervals {
    let mut result = Vec::new();
    let (mut low, mut low_open) = (f64::NEG_INFINITY, true);
    for part in parts {
        if low < part.low {
            result.push(Interval { low, high: part.low, low_open, high_open: !part.low_open });
        }
        (low, low_open) = (part.high, !part.high_open);
    }
    if low < f64::INFINITY {
        result.push(Interval { low, high: f64::INFINITY, low_open, high_open: true });
    }
    result
}
