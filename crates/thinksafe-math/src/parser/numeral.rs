//! Numbers as they are written: decimals, mixed numbers, digits that repeat.

use num_traits::{Pow, Zero};

use super::{Parsed, Parser};
use crate::expr::Expr;
use crate::lexer::Kind;
use crate::number::{self, Rational};

impl Parser {
    pub(super) fn number(&mut self) -> Parsed {
        let Kind::Number(digits) = self.next()? else { return Err(self.unexpected()) };
        if let Some(value) = self.repeating(&digits) {
            return Ok(Expr::Number(value));
        }
        let value = number::decimal(&digits).ok_or_else(|| self.unexpected())?;
        if self.is_plain_mixed(&digits) {
            let Kind::Number(n) = self.next()? else { return Err(self.unexpected()) };
            self.at += 1;
            let Kind::Number(d) = self.next()? else { return Err(self.unexpected()) };
            let part = number::decimal(&n).zip(number::decimal(&d).filter(|d| !d.is_zero()));
            let (n, d) = part.ok_or_else(|| self.unexpected())?;
            return Ok(Expr::Number(value + n / d));
        }
        Ok(if digits.contains('.') { Expr::Decimal(value) } else { Expr::Number(value) })
    }

    /// `1 1/2`.
    fn is_plain_mixed(&self, whole: &str) -> bool {
        let digits =
            |kind: Option<&Kind>| matches!(kind, Some(Kind::Number(n)) if !n.contains('.'));
        !whole.contains('.')
            && self.is_spaced()
            && digits(self.peek())
            && self.ahead(1) == Some(&Kind::Mark('/'))
            && digits(self.ahead(2))
    }

    /// `0.1\overline{6}`: digits that repeat for ever.
    fn repeating(&mut self, digits: &str) -> Option<Rational> {
        let point = usize::from(self.is_mark('.') && !digits.contains('.'));
        let is_over = |k: Option<&Kind>| matches!(k, Some(Kind::Command(c)) if c == "overline");
        if !(point == 1 || digits.contains('.')) || !is_over(self.ahead(point)) {
            return None;
        }
        let at = point + 1;
        let (Some(Kind::Mark('{')), Some(Kind::Number(period)), Some(Kind::Mark('}'))) =
            (self.ahead(at), self.ahead(at + 1), self.ahead(at + 2))
        else {
            return None;
        };
        let period_value = number::decimal(period).filter(Rational::is_integer)?;
        let ten = |exponent: usize| {
            Rational::from_integer(Pow::pow(num_bigint::BigInt::from(10), exponent))
        };
        let fraction = digits.split_once('.').map_or(0, |(_, f)| f.len());
        let nines = ten(period.len()) - Rational::from_integer(1.into());
        let value = number::decimal(digits)? + period_value / nines / ten(fraction);
        self.at += at + 3;
        Some(value)
    }
}

/// `2\frac{1}{3}`: a whole number directly in front of a proper fraction of whole numbers is added to it.
pub(super) fn mixed_number(whole: &Expr, fraction: &Expr) -> Option<Expr> {
    let whole_value = whole.natural().filter(|_| matches!(whole, Expr::Number(_)))?;
    if let Expr::Percent(inner) = fraction {
        return mixed_number(whole, inner).map(|number| Expr::Percent(Box::new(number)));
    }
    let Expr::Call(name, parts) = fraction else { return None };
    let [n, d] = parts.as_slice() else { return None };
    let (n, d) = (n.natural()?, d.natural()?);
    (name == "fraction" && n < d && whole_value > 0).then(|| {
        Expr::Number(Rational::from_integer(whole_value.into()) + Rational::new(n.into(), d.into()))
    })
}
