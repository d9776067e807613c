//! Matrices: sums, multiples and products are carried out entry by entry.

use super::Comparer;
use crate::expr::Expr;

type Rows = Vec<Vec<Expr>>;

/// Products of matrices up to this many entries are carried out.
const MAX_ENTRIES: usize = 400;

impl Comparer<'_> {
    pub(super) fn matrices(&mut self, a: &Rows, b: &Rows) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(p, r)| self.ordered(p, r))
    }
}

/// The matrix that an expression is.
pub(super) fn value(expr: &Expr) -> Option<Rows> {
    match expr {
        Expr::Matrix(rows) => Some(rows.clone()),
        Expr::Sum(terms) => {
            let mut matrices = terms.iter().map(value);
            let first = matrices.next()??;
            matrices.try_fold(first, |sum, next| plus(sum, next?))
        }
        Expr::Product(factors) => product(factors),
        _ => None,
    }
}

fn plus(a: Rows, b: Rows) -> Option<Rows> {
    let shape = |m: &Rows| m.iter().map(Vec::len).collect::<Vec<_>>();
    if shape(&a) != shape(&b) {
        return None;
    }
    let add = |(x, y): (Expr, Expr)| Expr::Sum(vec![x, y]);
    let row = |(r, s): (Vec<Expr>, Vec<Expr>)| r.into_iter().zip(s).map(add).collect();
    Some(a.into_iter().zip(b).map(row).collect())
}

fn product(factors: &[Expr]) -> Option<Rows> {
    let mut scalars = Vec::new();
    let mut result: Option<Rows> = None;
    for factor in factors {
        match (value(factor), result.take()) {
            (None, present) => {
                scalars.push(factor.clone());
                result = present;
            }
            (Some(matrix), None) => result = Some(matrix),
            (Some(matrix), Some(left)) => result = Some(times(&left, &matrix)?),
        }
    }
    let matrix = result?;
    if scalars.is_empty() {
        return Some(matrix);
    }
    let scale = |entry: Expr| {
        let mut all = scalars.clone();
        all.push(entry);
        Expr::Product(all)
    };
    Some(matrix.into_iter().map(|row| row.into_iter().map(scale).collect()).collect())
}

fn times(a: &Rows, b: &Rows) -> Option<Rows> {
    let columns = b.first()?.len();
    let fits = a.iter().all(|row| row.len() == b.len()) && b.iter().all(|r| r.len() == columns);
    if !fits || a.len() * columns > MAX_ENTRIES || b.len() > MAX_ENTRIES {
        return None;
    }
    let entry = |row: &[Expr], column: usize| {
        let terms =
            row.iter().zip(b).map(|(x, r)| Expr::Product(vec![x.clone(), r[column].clone()]));
        Expr::sum(terms.collect())
    };
    Some(a.iter().map(|row| (0..columns).map(|c| entry(row, c)).collect()).collect())
}
