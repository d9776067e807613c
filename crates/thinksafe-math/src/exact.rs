//! Expressions without variables as exact fractions, where they are.

use num_bigint::BigInt;
use num_integer::Integer;
use num_rational::Ratio;
use num_traits::{One, Signed, ToPrimitive, Zero};

use crate::budget::{Budget, OutOfSteps};
use crate::expr::Expr;
use crate::number::{self, Rational};

/// The value, or `None` for what is not known to be a fraction.
pub(crate) fn value(expr: &Expr, budget: &mut Budget) -> Result<Option<Rational>, OutOfSteps> {
    budget.spend(1)?;
    match expr {
        Expr::Number(n) | Expr::Decimal(n) => Ok(Some(n.clone())),
        Expr::Percent(inner) => {
            Ok(value(inner, budget)?.map(|n| n / Rational::from_integer(100.into())))
        }
        Expr::Sum(terms) => fold(terms, Rational::zero(), number::add, budget),
        Expr::Product(factors) => fold(factors, Rational::one(), number::multiply, budget),
        Expr::Power(base, exponent) => {
            let (Some(base), Some(exponent)) = (value(base, budget)?, value(exponent, budget)?)
            else {
                return Ok(None);
            };
            power(&base, &exponent, budget)
        }
        Expr::Call(name, arguments) => {
            let mut values = Vec::with_capacity(arguments.len());
            for argument in arguments {
                let Some(value) = value(argument, budget)? else { return Ok(None) };
                values.push(value);
            }
            call(name, &values, budget)
        }
        _ => Ok(None),
    }
}

fn fold(
    parts: &[Expr],
    start: Rational,
    join: fn(&Rational, &Rational, &mut Budget) -> Result<Rational, OutOfSteps>,
    budget: &mut Budget,
) -> Result<Option<Rational>, OutOfSteps> {
    let mut result = start;
    for part in parts {
        let Some(next) = value(part, budget)? else { return Ok(None) };
        result = join(&result, &next, budget)?;
    }
    Ok(Some(result))
}

/// A power of fractions; a root only where it comes out even. Odd roots of negative numbers are negative.
fn power(
    base: &Rational,
    exponent: &Rational,
    budget: &mut Budget,
) -> Result<Option<Rational>, OutOfSteps> {
    if exponent.is_integer() {
        return number::power(base, &exponent.to_integer(), budget);
    }
    let Some(degree) = exponent.denom().to_u32().filter(|d| *d <= 64) else { return Ok(None) };
    if base.is_negative() && degree.is_even() {
        return Ok(None);
    }
    budget.spend(number::size(base) * number::size(base) * 8)?;
    let root = |n: &BigInt| {
        let root = n.nth_root(degree);
        (num_traits::pow(root.clone(), degree as usize) == *n).then_some(root)
    };
    match (root(base.numer()), root(base.denom())) {
        (Some(n), Some(d)) => number::power(&Rational::new(n, d), exponent.numer(), budget),
        _ => Ok(None),
    }
}

fn call(
    name: &str,
    values: &[Rational],
    budget: &mut Budget,
) -> Result<Option<Rational>, OutOfSteps> {
    let natural = |n: &Rational| if n.is_integer() { n.to_integer().to_u64() } else { None };
    let integers = || values.iter().all(Ratio::is_integer);
    Ok(match (name, values) {
        ("abs", [x]) => Some(x.abs()),
        ("floor", [x]) => Some(x.floor()),
        ("ceil", [x]) => Some(x.ceil()),
        ("numeral", [x, ..]) => Some(x.clone()),
        ("factorial", [x]) => match natural(x) {
            Some(n) => Some(Ratio::from_integer(number::factorial(n, budget)?)),
            None => None,
        },
        ("binomial", [n, k]) => match natural(n).zip(natural(k)) {
            Some((n, k)) => Some(Ratio::from_integer(number::binomial(n, k, budget)?)),
            None => None,
        },
        ("max", [..]) => values.iter().max().cloned(),
        ("min", [..]) => values.iter().min().cloned(),
        ("gcd" | "lcm", [..]) if integers() => {
            let join =
                if name == "gcd" { |a: &BigInt, b| a.gcd(&b) } else { |a: &BigInt, b| a.lcm(&b) };
            budget.spend(values.iter().map(|v| number::size(v) * number::size(v)).sum())?;
            let all = values.iter().map(Ratio::to_integer).reduce(|a, b| join(&a, b));
            all.map(Ratio::from_integer)
        }
        ("mod", [a, m]) if integers() && !m.is_zero() => {
            budget.spend(number::size(a) * number::size(m))?;
            Some(Ratio::from_integer(a.to_integer().mod_floor(&m.to_integer())))
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lexer::Commas;
    use crate::parser::parse;

    #[test]
    fn values_are_exact() {
        for (text, expected) in [
            (r"\frac{1}{2} + 0.25", Some("3/4")),
            (r"2^{-3}", Some("1/8")),
            (r"\sqrt{\frac{16}{9}}", Some("4/3")),
            (r"\sqrt[3]{-8}", Some("-2")),
            (r"27^{2/3}", Some("9")),
            (r"\binom{5}{2} + 3!", Some("16")),
            (r"\lfloor -2.5 \rfloor", Some("-3")),
            (r"\gcd(12, 18)", Some("6")),
            (r"50\%", Some("1/2")),
            (r"\sqrt{2}", None),
            (r"\frac{1}{0}", None),
            (r"x", None),
        ] {
            let expr = parse(text, Commas::Group).unwrap();
            let found = value(&expr, &mut Budget::new(10_000)).unwrap();
            assert_eq!(found.map(|n| n.to_string()).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn towers_end_with_the_budget() {
        let expr = parse("9^{9^{9}}", Commas::Group).unwrap();
        assert_eq!(value(&expr, &mut Budget::new(100_000)), Err(OutOfSteps));
    }
}
