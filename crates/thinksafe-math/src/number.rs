//! Exact numbers.

use num_bigint::BigInt;
use num_rational::Ratio;
use num_traits::{One, Pow, Signed, ToPrimitive, Zero};

use crate::budget::{Budget, OutOfSteps};

/// A fraction in lowest terms.
pub(crate) type Rational = Ratio<BigInt>;

/// Reads digits with at most one point: `12`, `1.50`, `.5`.
pub(crate) fn decimal(text: &str) -> Option<Rational> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let numerator = BigInt::parse_bytes(digits.as_bytes(), 10)?;
    Some(Ratio::new(numerator, power_of_ten(fraction.len())))
}

/// Reads digits in a base from 2 to 36.
pub(crate) fn in_base(digits: &str, base: u64) -> Option<Rational> {
    let base = u32::try_from(base).ok().filter(|base| (2..=36).contains(base))?;
    BigInt::parse_bytes(digits.as_bytes(), base).map(Ratio::from_integer)
}

fn power_of_ten(exponent: usize) -> BigInt {
    Pow::pow(BigInt::from(10), exponent)
}

/// `number` times ten to the `exponent` (1,000 at most), rounded to a whole number; halves go away from zero.
pub(crate) fn rounded(number: &Rational, exponent: u32) -> BigInt {
    (number * Ratio::from_integer(power_of_ten(exponent.min(1_000) as usize))).round().to_integer()
}

/// The nearest float; fractions of numbers beyond a float's range are still right.
pub(crate) fn to_f64(number: &Rational) -> f64 {
    let (n, d) = (number.numer(), number.denom());
    let shift = |bits: u64| i64::try_from(bits).unwrap_or(i64::MAX) - 128;
    let (down_n, down_d) = (shift(n.bits()).max(0), shift(d.bits()).max(0));
    let scaled = |x: &BigInt, down: i64| (x >> down).to_f64().unwrap_or(f64::NAN);
    let quotient = scaled(n, down_n) / scaled(d, down_d);
    let exponent = (down_n - down_d).clamp(-5000, 5000) as i32;
    // In two steps, since 2^exponent alone may be out of range.
    quotient * 2f64.powi(exponent / 2) * 2f64.powi(exponent - exponent / 2)
}

/// What an operation on numbers of this size costs.
pub(crate) fn size(number: &Rational) -> u64 {
    1 + (number.numer().bits() + number.denom().bits()) / 64
}

/// The product, at the price of its size.
pub(crate) fn multiply(
    a: &Rational,
    b: &Rational,
    budget: &mut Budget,
) -> Result<Rational, OutOfSteps> {
    budget.spend(size(a) * size(b))?;
    Ok(a * b)
}

/// The sum, at the price of its size.
pub(crate) fn add(a: &Rational, b: &Rational, budget: &mut Budget) -> Result<Rational, OutOfSteps> {
    budget.spend(size(a) * size(b))?;
    Ok(a + b)
}

/// `base` to a whole power; `None` for zero to a negative one.
pub(crate) fn power(
    base: &Rational,
    exponent: &BigInt,
    budget: &mut Budget,
) -> Result<Option<Rational>, OutOfSteps> {
    if exponent.is_zero() || base.is_one() {
        return Ok(Some(Rational::one()));
    }
    if base.is_zero() {
        return Ok((!exponent.is_negative()).then(Rational::zero));
    }
    let magnitude = exponent.abs().to_u32().ok_or(OutOfSteps)?;
    let bits = base.numer().bits().max(base.denom().bits());
    let words = 1 + bits.saturating_mul(u64::from(magnitude)) / 64;
    budget.spend(words.saturating_mul(words))?;
    let raised = |x: &BigInt| Pow::pow(x, magnitude);
    let (n, d) = (raised(base.numer()), raised(base.denom()));
    Ok(Some(if exponent.is_negative() { Ratio::new(d, n) } else { Ratio::new_raw(n, d) }))
}

/// `n!`.
pub(crate) fn factorial(n: u64, budget: &mut Budget) -> Result<BigInt, OutOfSteps> {
    falling(n, n, budget)
}

/// `n` over `k`; zero where `k` is larger.
pub(crate) fn binomial(n: u64, k: u64, budget: &mut Budget) -> Result<BigInt, OutOfSteps> {
    if k > n {
        return Ok(BigInt::zero());
    }
    let k = k.min(n - k);
    Ok(falling(n, k, budget)? / falling(k, k, budget)?)
}

/// `n (n-1) ...`, `count` factors.
fn falling(n: u64, count: u64, budget: &mut Budget) -> Result<BigInt, OutOfSteps> {
    let mut product = BigInt::one();
    for factor in (n - count + 1..=n).rev() {
        budget.spend(1 + product.bits() / 64)?;
        product *= factor;
    }
    Ok(product)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn r(n: i64, d: i64) -> Rational {
        Ratio::new(n.into(), d.into())
    }

    #[test]
    fn decimals_are_exact() {
        assert_eq!(decimal("0.125"), Some(r(1, 8)));
        assert_eq!(decimal(".5"), Some(r(1, 2)));
        assert_eq!(decimal("12."), Some(r(12, 1)));
        assert_eq!(decimal("."), None);
        assert_eq!(decimal("1.2.3"), None);
        assert_eq!(in_base("212", 3), Some(r(23, 1)));
        assert_eq!(in_base("212", 2), None);
    }

    #[test]
    fn rounding_takes_halves_away_from_zero() {
        assert_eq!(rounded(&r(8, 3), 2), 267.into());
        assert_eq!(rounded(&r(-1, 2), 0), (-1).into());
    }

    #[test]
    fn floats_of_large_fractions() {
        let mut budget = Budget::new(100_000_000);
        let large = power(&r(10, 1), &400.into(), &mut budget).unwrap().unwrap();
        assert_eq!(to_f64(&(large.clone() * r(2, 1) / large.clone())), 2.0);
        assert_eq!(to_f64(&large), f64::INFINITY);
        assert_eq!(to_f64(&(r(1, 1) / large)), 0.0);
        assert_eq!(to_f64(&r(-1, 8)), -0.125);
        let near = power(&r(10, 1), &300.into(), &mut budget).unwrap().unwrap();
        assert!((to_f64(&near) / 1e300 - 1.0).abs() < 1e-15);
    }

    #[test]
    fn powers_and_products_end_with_the_budget() {
        let mut budget = Budget::new(1_000);
        assert_eq!(power(&r(9, 1), &BigInt::from(1_000_000_000), &mut budget), Err(OutOfSteps));
        assert_eq!(factorial(1_000_000, &mut Budget::new(1_000)), Err(OutOfSteps));
        let mut budget = Budget::new(1_000);
        assert_eq!(factorial(5, &mut budget), Ok(120.into()));
        assert_eq!(binomial(5, 2, &mut budget), Ok(10.into()));
        assert_eq!(binomial(2, 5, &mut budget), Ok(0.into()));
        assert_eq!(power(&r(0, 1), &(-1).into(), &mut budget), Ok(None));
        assert_eq!(power(&r(-2, 3), &(-3).into(), &mut budget), Ok(Some(r(-27, 8))));
    }
}
