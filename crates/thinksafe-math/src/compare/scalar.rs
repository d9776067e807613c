//! Numbers and expressions.

use num_rational::Ratio;
use num_traits::Signed;

use super::Comparer;
use crate::exact;
use crate::expr::{Constant, Expr};
use crate::normal::Normal;
use crate::number::{self, Rational};
use crate::numeric::{self, Point};

/// At how many points expressions are evaluated.
const POINTS: u64 = 6;

impl Comparer<'_> {
    pub(super) fn scalars(&mut self, prediction: &Expr, reference: &Expr) -> bool {
        if let Some(equal) = infinities(prediction, reference) {
            return equal;
        }
        match (prediction, reference) {
            (Expr::Percent(p), Expr::Percent(r)) => self.values(p, r),
            // A percentage is met by its number and by its value: 28 % by 28 and by 0.28.
            (Expr::Percent(inner), other) => {
                self.values(inner, other) || self.values(prediction, other)
            }
            (other, Expr::Percent(inner)) => {
                self.values(other, inner) || self.values(other, reference)
            }
            (p, r) => self.values(p, r),
        }
    }

    fn values(&mut self, a: &Expr, b: &Expr) -> bool {
        let Ok(exact_a) = exact::value(a, &mut self.budget) else { return false };
        let Ok(exact_b) = exact::value(b, &mut self.budget) else { return false };
        let is_decimal = is_decimal(a) || is_decimal(b);
        if let (Some(a), Some(b)) = (&exact_a, &exact_b) {
            return self.fractions(a, b, is_decimal);
        }
        if is_decimal && let Some(equal) = self.rounded(a, b) {
            return equal;
        }
        match self.normal_forms(a, b) {
            Some(equal) => equal,
            None => self.at_points(a, b),
        }
    }

    fn fractions(&self, a: &Rational, b: &Rational, is_decimal: bool) -> bool {
        if a == b {
            return true;
        }
        let decimals = self.options.decimals;
        if is_decimal && number::rounded(a, decimals) == number::rounded(b, decimals) {
            return true;
        }
        self.options.relative_tolerance > 1e-8 && self.near(number::to_f64(a), number::to_f64(b))
    }

    fn near(&self, a: f64, b: f64) -> bool {
        (a - b).is_finite()
            && (a - b).abs() <= self.options.relative_tolerance * a.abs().max(b.abs())
    }

    /// Compares a decimal with what is no fraction, such as 4.1231 with a root.
    fn rounded(&mut self, a: &Expr, b: &Expr) -> Option<bool> {
        if has_unknowns(a) || has_unknowns(b) {
            return None;
        }
        let point = Point::new(self.options.seed, 0);
        let a = numeric::value(a, point, &mut self.budget)?;
        let b = numeric::value(b, point, &mut self.budget)?;
        let scale = 10f64.powi(i32::try_from(self.options.decimals).unwrap_or(i32::MAX));
        let round = |x: f64| (x * scale).round();
        let same = round(a.re) == round(b.re) && round(a.im) == round(b.im);
        Some(same || numeric::close(a, b, self.options.relative_tolerance))
    }

    /// Decides where both are polynomials; says yes where the forms agree; else does not know.
    fn normal_forms(&mut self, a: &Expr, b: &Expr) -> Option<bool> {
        let a = Normal::of(a, &mut self.budget).ok()??;
        let b = Normal::of(b, &mut self.budget).ok()??;
        if a.terms() == b.terms() {
            return Some(true);
        }
        (a.polynomial && b.polynomial).then_some(false)
    }

    fn at_points(&mut self, a: &Expr, b: &Expr) -> bool {
        let unknowns = has_unknowns(a) || has_unknowns(b);
        let points = if unknowns { POINTS } else { 1 };
        let mut compared = 0;
        for index in 0..points {
            let point = Point::new(self.options.seed, index);
            let left = numeric::value(a, point, &mut self.budget);
            let right = numeric::value(b, point, &mut self.budget);
            let (Some(left), Some(right)) = (left, right) else { continue };
            let exact = unknowns || left.im != 0.0 || right.im != 0.0;
            let tolerance = if exact { 1e-9 } else { self.options.relative_tolerance };
            if !numeric::close(left, right, tolerance) {
                return false;
            }
            compared += 1;
        }
        self.valueless |= compared == 0;
        compared > 0
    }

    /// The factor between two expressions, if it is the same wherever both are evaluated.
    pub(super) fn constant_ratio(&mut self, a: &Expr, b: &Expr) -> Option<f64> {
        let mut ratio: Option<f64> = None;
        let mut points = 0;
        for index in 0..POINTS {
            let point = Point::new(self.options.seed, index);
            let left = numeric::value(a, point, &mut self.budget);
            let right = numeric::value(b, point, &mut self.budget);
            let (Some(left), Some(right)) = (left, right) else { continue };
            if left.norm() < 1e-9 || right.norm() < 1e-9 {
                // Both vanish, or one does where the other does not.
                if (left.norm() < 1e-9) != (right.norm() < 1e-9) {
                    return None;
                }
                continue;
            }
            let quotient = left / right;
            let same = |r: f64| numeric::close(quotient, r.into(), 1e-7);
            if quotient.im.abs() > 1e-7 * quotient.norm() || !ratio.is_none_or(same) {
                return None;
            }
            ratio = ratio.or(Some(quotient.re));
            points += 1;
        }
        self.valueless |= points == 0;
        ratio
    }
}

/// Infinity equals itself alone, its sign included.
fn infinities(a: &Expr, b: &Expr) -> Option<bool> {
    let (a, b) = (infinite(a), infinite(b));
    (a.is_some() || b.is_some()).then(|| a == b)
}

/// The sign of what is infinite.
pub(super) fn infinite(expr: &Expr) -> Option<i8> {
    match expr {
        Expr::Constant(Constant::Infinity) => Some(1),
        Expr::Product(factors) => match factors.as_slice() {
            [Expr::Number(sign), Expr::Constant(Constant::Infinity)] => {
                Some(if sign.is_negative() { -1 } else { 1 })
            }
            _ => None,
        },
        _ => None,
    }
}

/// Whether this is a number written with a point.
fn is_decimal(expr: &Expr) -> bool {
    match expr {
        Expr::Decimal(n) => !Ratio::is_integer(n),
        Expr::Percent(inner) => is_decimal(inner),
        _ => false,
    }
}

/// Whether the value depends on more than numbers.
fn has_unknowns(expr: &Expr) -> bool {
    expr.any(&|part| match part {
        Expr::Symbol(_) => true,
        Expr::Call(name, _) => !numeric::is_known(name),
        _ => false,
    })
}
