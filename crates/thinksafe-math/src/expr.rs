//! What a parsed answer is: one tree for numbers, expressions, and everything made of them.

use std::collections::BTreeSet;

use num_traits::Signed;

use crate::number::Rational;

/// A parsed answer. Nothing is evaluated yet: `1/2` is a product with a power, `2 < x` a relation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expr {
    /// An exact number, as written without a point.
    Number(Rational),
    /// A number written with a point: exact too, but compared after rounding.
    Decimal(Rational),
    /// A variable, with its subscript.
    Symbol(String),
    Constant(Constant),
    Sum(Vec<Self>),
    Product(Vec<Self>),
    Power(Box<Self>, Box<Self>),
    /// A function by name. Names that [`crate::evaluate`] does not know are functions of which nothing is known.
    Call(String, Vec<Self>),
    /// `x ± y` (true) or `x ∓ y`: the second term.
    PlusMinus(bool, Box<Self>),
    /// A number with a percent sign.
    Percent(Box<Self>),
    /// Words.
    Text(String),
    /// Items side by side: of a set, a tuple, an interval, or a bare enumeration.
    Items(Brackets, Vec<Self>),
    /// Unions (`∪`), intersections (`∩`) and differences (`\`).
    SetOperation(char, Vec<Self>),
    Matrix(Vec<Vec<Self>>),
    /// `sides[0] relations[0] sides[1] ...`.
    Relation(Vec<Self>, Vec<Relation>),
}

/// What stands around items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Brackets {
    /// Nothing: `1, 2`.
    None,
    /// `{1, 2}`.
    Braces,
    /// Round or square on either side: `(1, 2]` is `Ends { left_open: true, right_open: false }`.
    Ends { left_open: bool, right_open: bool },
}

/// Numbers with a name, and what is no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Constant {
    Pi,
    E,
    I,
    Infinity,
    /// The empty set.
    Empty,
    /// All real numbers.
    Reals,
}

/// How two sides relate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    /// `x ∈ S`.
    Element,
    /// Anything else, by its name: `\equiv`, `\to`, `\subset`.
    Other(&'static str),
}

impl Relation {
    /// The relation with its sides exchanged, for those that have one.
    pub(crate) fn flipped(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessEqual => Self::GreaterEqual,
            Self::Greater => Self::Less,
            Self::GreaterEqual => Self::LessEqual,
            other => other,
        }
    }
}

impl Expr {
    pub(crate) fn integer(value: i64) -> Self {
        Self::Number(Rational::from_integer(value.into()))
    }

    pub(crate) fn symbol(name: impl Into<String>) -> Self {
        Self::Symbol(name.into())
    }

    pub(crate) fn call(name: &str, arguments: Vec<Self>) -> Self {
        Self::Call(name.to_owned(), arguments)
    }

    pub(crate) fn power(self, exponent: Self) -> Self {
        Self::Power(Box::new(self), Box::new(exponent))
    }

    pub(crate) fn inverse(self) -> Self {
        self.power(Self::integer(-1))
    }

    pub(crate) fn negated(self) -> Self {
        match self {
            Self::Number(n) => Self::Number(-n),
            Self::Decimal(n) => Self::Decimal(-n),
            Self::Percent(inner) => Self::Percent(Box::new(inner.negated())),
            Self::Product(mut factors) => {
                factors.insert(0, Self::integer(-1));
                Self::Product(factors)
            }
            other => Self::Product(vec![Self::integer(-1), other]),
        }
    }

    /// The sum of terms; a single one stays itself.
    pub(crate) fn sum(mut terms: Vec<Self>) -> Self {
        if terms.len() == 1 { terms.remove(0) } else { Self::Sum(terms) }
    }

    /// The product of factors; a single one stays itself.
    pub(crate) fn product(mut factors: Vec<Self>) -> Self {
        if factors.len() == 1 { factors.remove(0) } else { Self::Product(factors) }
    }

    pub(crate) fn minus(self, other: Self) -> Self {
        Self::Sum(vec![self, other.negated()])
    }

    /// The parts directly below.
    pub(crate) fn children(&self) -> Vec<&Self> {
        match self {
            Self::Number(_)
            | Self::Decimal(_)
            | Self::Symbol(_)
            | Self::Constant(_)
            | Self::Text(_) => Vec::new(),
            Self::Sum(parts)
            | Self::Product(parts)
            | Self::Call(_, parts)
            | Self::Items(_, parts)
            | Self::SetOperation(_, parts)
            | Self::Relation(parts, _) => parts.iter().collect(),
            Self::Power(a, b) => vec![a, b],
            Self::PlusMinus(_, inner) | Self::Percent(inner) => vec![inner],
            Self::Matrix(rows) => rows.iter().flatten().collect(),
        }
    }

    /// Whether this or a part of it fulfils `test`.
    pub(crate) fn any(&self, test: &dyn Fn(&Self) -> bool) -> bool {
        test(self) || self.children().into_iter().any(|child| child.any(test))
    }

    /// The same with every part replaced, from below, by what `change` makes of it.
    pub(crate) fn map(self, change: &dyn Fn(Self) -> Self) -> Self {
        let all = |parts: Vec<Self>| parts.into_iter().map(|p| p.map(change)).collect();
        let mapped = match self {
            Self::Sum(parts) => Self::Sum(all(parts)),
            Self::Product(parts) => Self::Product(all(parts)),
            Self::Call(name, parts) => Self::Call(name, all(parts)),
            Self::Items(brackets, parts) => Self::Items(brackets, all(parts)),
            Self::SetOperation(op, parts) => Self::SetOperation(op, all(parts)),
            Self::Relation(parts, relations) => Self::Relation(all(parts), relations),
            Self::Power(a, b) => Self::Power(Box::new(a.map(change)), Box::new(b.map(change))),
            Self::PlusMinus(plus, a) => Self::PlusMinus(plus, Box::new(a.map(change))),
            Self::Percent(a) => Self::Percent(Box::new(a.map(change))),
            Self::Matrix(rows) => Self::Matrix(rows.into_iter().map(all).collect()),
            leaf => leaf,
        };
        change(mapped)
    }

    /// A literal number, its sign included.
    pub(crate) fn literal(&self) -> Option<&Rational> {
        match self {
            Self::Number(n) | Self::Decimal(n) => Some(n),
            _ => None,
        }
    }

    /// A literal whole number that is not negative.
    pub(crate) fn natural(&self) -> Option<u64> {
        let n = self.literal()?;
        if n.is_integer() && !n.is_negative() { u64::try_from(n.to_integer()).ok() } else { None }
    }

    /// Adds the variables that occur in this.
    pub(crate) fn collect_symbols(&self, names: &mut BTreeSet<String>) {
        if let Self::Symbol(name) = self {
            names.insert(name.clone());
        }
        for child in self.children() {
            child.collect_symbols(names);
        }
    }

    /// Whether this is a value of its own kind, and no number: sets, tuples, matrices, relations, words.
    pub(crate) fn is_structure(&self) -> bool {
        matches!(
            self,
            Self::Items(..)
                | Self::SetOperation(..)
                | Self::Matrix(_)
                | Self::Relation(..)
                | Self::Text(_)
                | Self::Constant(Constant::Empty | Constant::Reals)
        )
    }
}
