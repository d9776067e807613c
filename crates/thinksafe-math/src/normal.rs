//! The normal form of an expression: a sum of monomials over variables and over parts that are not polynomial.

use std::collections::BTreeMap;
use std::fmt::Write;

use num_rational::Ratio;
use num_traits::{One, Signed, ToPrimitive, Zero};

use crate::budget::{Budget, OutOfSteps};
use crate::exact;
use crate::expr::{Constant, Expr};
use crate::number::{self, Rational};

/// Atoms with their exponents, sorted by atom.
type Monomial = BTreeMap<String, Ratio<i64>>;

/// A sum of monomials, equal for expressions that differ in order, grouping and expansion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Normal {
    terms: BTreeMap<Monomial, Rational>,
    /// Whether all atoms are variables: then two expressions are equal exactly if their normal forms are.
    pub(crate) polynomial: bool,
}

/// Powers of sums are expanded up to this exponent.
const MAX_EXPANSION: u32 = 64;
/// Parts whose name is longer are left to evaluation.
const MAX_NAME: usize = 256;

impl Normal {
    /// The normal form; `None` for what is no scalar, or is a division by zero.
    pub(crate) fn of(expr: &Expr, budget: &mut Budget) -> Result<Option<Self>, OutOfSteps> {
        budget.spend(1)?;
        if let Some(value) = exact::value(expr, budget)? {
            return Ok(Some(Self::constant(value)));
        }
        match expr {
            Expr::Symbol(name) => Ok(Some(Self::atom(name.clone(), Ratio::one(), true))),
            Expr::Constant(Constant::Pi) => Ok(Some(Self::atom("#pi".into(), Ratio::one(), false))),
            Expr::Constant(Constant::E) => Ok(Some(Self::atom("#e".into(), Ratio::one(), false))),
            Expr::Constant(Constant::I) => Ok(Some(Self::atom("#i".into(), Ratio::one(), false))),
            Expr::Sum(terms) => {
                let mut sum = Self::constant(Rational::zero());
                for term in terms {
                    let Some(term) = Self::of(term, budget)? else { return Ok(None) };
                    sum = sum.plus(term, budget)?;
                }
                Ok(Some(sum))
            }
            Expr::Product(factors) => {
                let mut product = Self::constant(Rational::one());
                for factor in factors {
                    let Some(factor) = Self::of(factor, budget)? else { return Ok(None) };
                    product = product.times(&factor, budget)?;
                }
                Ok(Some(product))
            }
            Expr::Power(base, exponent) => Self::power(base, exponent, budget),
            Expr::Call(name, arguments) => Self::call(name, arguments, budget),
            _ => Ok(None),
        }
    }

    fn constant(value: Rational) -> Self {
        let terms = if value.is_zero() {
            BTreeMap::new()
        } else {
            BTreeMap::from([(Monomial::new(), value)])
        };
        Self { terms, polynomial: true }
    }

    fn atom(name: String, exponent: Ratio<i64>, polynomial: bool) -> Self {
        let monomial = Monomial::from([(name, exponent)]);
        Self { terms: BTreeMap::from([(monomial, Rational::one())]), polynomial }
    }

    fn plus(mut self, other: Self, budget: &mut Budget) -> Result<Self, OutOfSteps> {
        self.polynomial &= other.polynomial;
        for (monomial, coefficient) in other.terms {
            self.add_term(monomial, &coefficient, budget)?;
        }
        Ok(self)
    }

    fn times(&self, other: &Self, budget: &mut Budget) -> Result<Self, OutOfSteps> {
        let mut product = Self::constant(Rational::zero());
        product.polynomial = self.polynomial && other.polynomial;
        for (left, a) in &self.terms {
            for (right, b) in &other.terms {
                budget.spend(1 + (left.len() + right.len()) as u64)?;
                let mut monomial = left.clone();
                for (atom, exponent) in right {
                    let sum = monomial.get(atom).map_or(*exponent, |e| *e + *exponent);
                    if sum.is_zero() {
                        monomial.remove(atom);
                    } else {
                        monomial.insert(atom.clone(), sum);
                    }
                }
                let coefficient = number::multiply(a, b, budget)?;
                product.add_term(monomial, &coefficient, budget)?;
            }
        }
        Ok(product)
    }

    fn add_term(
        &mut self,
        monomial: Monomial,
        coefficient: &Rational,
        budget: &mut Budget,
    ) -> Result<(), OutOfSteps> {
        let sum = match self.terms.get(&monomial) {
            Some(present) => number::add(present, coefficient, budget)?,
            None => coefficient.clone(),
        };
        if sum.is_zero() {
            self.terms.remove(&monomial);
        } else {
            self.terms.insert(monomial, sum);
        }
        Ok(())
    }

    fn power(
        base: &Expr,
        exponent: &Expr,
        budget: &mut Budget,
    ) -> Result<Option<Self>, OutOfSteps> {
        let Some(base) = Self::of(base, budget)? else { return Ok(None) };
        let exact = exact::value(exponent, budget)?;
        if let Some(n) = exact.as_ref().filter(|n| n.is_integer() && !n.is_negative())
            && let Some(n) = n.to_integer().to_u32().filter(|n| *n <= MAX_EXPANSION)
        {
            let mut power = Self::constant(Rational::one());
            for _ in 0..n {
                power = power.times(&base, budget)?;
            }
            return Ok(Some(power));
        }
        if base.terms.is_empty() {
            return Ok(None);
        }
        let small =
            exact.as_ref().and_then(|e| Some(Ratio::new(e.numer().to_i32()?, e.denom().to_i32()?)));
        let small = small.map(|e| Ratio::new(i64::from(*e.numer()), i64::from(*e.denom())));
        if let Some(e) = small
            && let Some(power) = base.monomial_power(e, budget)?
        {
            return Ok(Some(power));
        }
        // Not a polynomial: an atom of its own, with what it is made of as its name.
        if let Some(exponent) = small {
            return Self::named(format!("({})", base.name()), exponent, budget);
        }
        let Some(exponent) = Self::of(exponent, budget)? else { return Ok(None) };
        Self::named(format!("({})^({})", base.name(), exponent.name()), Ratio::one(), budget)
    }

    /// An atom that is no variable. Names contain names, so without a limit their length would double at each level.
    fn named(
        name: String,
        exponent: Ratio<i64>,
        budget: &mut Budget,
    ) -> Result<Option<Self>, OutOfSteps> {
        budget.spend(name.len() as u64 / 8)?;
        Ok((name.len() <= MAX_NAME).then(|| Self::atom(name, exponent, false)))
    }

    /// A whole power, perhaps negative, of a single term.
    fn monomial_power(
        &self,
        exponent: Ratio<i64>,
        budget: &mut Budget,
    ) -> Result<Option<Self>, OutOfSteps> {
        let mut terms = self.terms.iter();
        let (Some((monomial, coefficient)), None) = (terms.next(), terms.next()) else {
            return Ok(None);
        };
        if !exponent.is_integer() {
            // A root of one variable is a power of it.
            let mut atoms = monomial.iter().filter(|(_, e)| e.is_one());
            let single = monomial.len() == 1 && coefficient.is_one();
            let name = atoms.next().filter(|_| single);
            return Ok(name.map(|(name, _)| Self::atom(name.clone(), exponent, false)));
        }
        let coefficient = number::power(coefficient, &exponent.to_integer().into(), budget)?;
        let raised = |(atom, e): (&String, &Ratio<i64>)| {
            let n = e.numer().checked_mul(*exponent.numer())?;
            Some((atom.clone(), Ratio::new(n, *e.denom())))
        };
        let monomial: Option<Monomial> = monomial.iter().map(raised).collect();
        Ok(coefficient.zip(monomial).map(|(coefficient, monomial)| Self {
            terms: BTreeMap::from([(monomial, coefficient)]),
            polynomial: self.polynomial,
        }))
    }

    fn call(
        name: &str,
        arguments: &[Expr],
        budget: &mut Budget,
    ) -> Result<Option<Self>, OutOfSteps> {
        let mut names = Vec::with_capacity(arguments.len());
        for argument in arguments {
            let Some(argument) = Self::of(argument, budget)? else { return Ok(None) };
            names.push(argument.name());
        }
        Self::named(format!("{name}[{}]", names.join("|")), Ratio::one(), budget)
    }

    /// What tells whether two normal forms are the same expression.
    pub(crate) fn terms(&self) -> &BTreeMap<Monomial, Rational> {
        &self.terms
    }

    /// A text that is the same for equal normal forms alone.
    fn name(&self) -> String {
        let mut name = String::new();
        for (monomial, coefficient) in &self.terms {
            let _ = write!(name, "+{coefficient}");
            for (atom, exponent) in monomial {
                let _ = write!(name, "*{atom}^{exponent}");
            }
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lexer::Commas;
    use crate::parser::parse;

    #[track_caller]
    fn normal(text: &str) -> Normal {
        let expr = parse(text, Commas::Group).unwrap();
        Normal::of(&expr, &mut Budget::new(100_000)).unwrap().unwrap()
    }

    #[test]
    fn order_grouping_and_expansion_do_not_matter() {
        for (a, b) in [
            ("(x+1)^2", "x^2+2x+1"),
            ("xy + yx", "2xy"),
            (r"\frac{x^2}{x}", "x"),
            (r"\frac{1}{2}x", "x/2"),
            (r"\sin(2x+1)", r"\sin(1+x+x)"),
            (r"\sqrt{x}\sqrt{x}", "x"),
            ("(x+1)(x-1)-x^2", "-1"),
        ] {
            assert_eq!(normal(a).terms, normal(b).terms, "{a} and {b}");
        }
    }

    #[test]
    fn what_is_no_polynomial_says_so() {
        assert!(normal("x^3 - y/z").polynomial);
        assert!(!normal(r"\sqrt{x}").polynomial);
        assert!(!normal(r"\frac{1}{x+1}").polynomial);
        assert_ne!(normal("x+1"), normal("x+2"));
    }

    #[test]
    fn expansion_ends_with_the_budget() {
        let expr = parse("(a+b+c+d+f+g)^{40}", Commas::Group).unwrap();
        assert!(Normal::of(&expr, &mut Budget::new(50_000)).is_err());
    }
}
