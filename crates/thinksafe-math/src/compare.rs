//! Whether two answers are equal.

mod items;
mod matrix;
mod reals;
mod relation;
mod scalar;
mod unwrap;
mod words;

pub(crate) use words::same_spelling;

use crate::budget::Budget;
use crate::expr::{Brackets, Constant, Expr};
use crate::lexer::Commas;
use crate::parser::{ParseError, parse};

/// What a comparison found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The answers are equal.
    Equal,
    /// They are not.
    Different,
    /// It could not be told.
    Undecided(Reason),
}

/// Why it could not be told whether two answers are equal.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// There is no answer in the prediction.
    NoAnswer,
    /// The prediction is no mathematical expression, and not the reference's text.
    Prediction(ParseError),
    /// The reference is no mathematical expression, and not the prediction's text.
    Reference(ParseError),
    /// The comparison takes more than its steps.
    Steps,
    /// Neither an exact form nor a value at any point was found.
    NoValue,
}

/// How answers are compared.
///
/// What it decides, in this order: the texts up to spelling; structure (sets without order, tuples, intervals,
/// matrices, relations up to a factor); exact fractions; rounded decimals; normal forms of polynomials; values at
/// seeded points. The same two texts have the same verdict on every machine: work is counted, not timed.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// A number written with a point equals what it is when both are rounded to so many decimals.
    pub decimals: u32,
    /// Numbers are equal too when they differ by no more than this share of the larger; fractions and decimals only
    /// where this is more than 1e-8.
    pub relative_tolerance: f64,
    /// Whether sets and enumerations have an order, as tuples have.
    pub ordered: bool,
    /// Whether relations are compared by their sides alone: `x < 3` equals `x > 3`.
    pub undirected: bool,
    /// Whether a predicted inequality can equal a reference that is a set. The other way round it always can.
    pub inequalities_as_sets: bool,
    /// Seed of the points at which expressions are evaluated.
    pub seed: u64,
    /// The work after which it gives up; a step is an operation on small numbers.
    pub steps: u64,
}

impl Default for Comparison {
    /// Six decimals, 1e-9, inequalities are sets, a million steps.
    fn default() -> Self {
        Self {
            decimals: 6,
            relative_tolerance: 1e-9,
            ordered: false,
            undirected: false,
            inequalities_as_sets: true,
            seed: 0,
            steps: 1_000_000,
        }
    }
}

impl Comparison {
    /// Compares two answers, each of them LaTeX or plain mathematics without surrounding prose.
    ///
    /// ```
    /// use thinksafe_math::{Comparison, Verdict};
    ///
    /// let comparison = Comparison::default();
    /// assert_eq!(comparison.verdict(r"\frac{x^2-1}{x-1}", "x+1"), Verdict::Equal);
    /// assert_eq!(comparison.verdict("(0, 1)", "[0, 1]"), Verdict::Different);
    /// assert!(matches!(comparison.verdict("1 +", "1"), Verdict::Undecided(_)));
    /// ```
    pub fn verdict(&self, prediction: &str, reference: &str) -> Verdict {
        if same_spelling(prediction, reference) {
            return Verdict::Equal;
        }
        let predictions = readings(prediction);
        let references = readings(reference);
        let mut undecided = None;
        for prediction in &predictions {
            for reference in &references {
                let verdict = match (prediction, reference) {
                    (Ok(prediction), Ok(reference)) => self.parsed(prediction, reference),
                    (Err(error), _) => Verdict::Undecided(Reason::Prediction(error.clone())),
                    (_, Err(error)) => Verdict::Undecided(Reason::Reference(error.clone())),
                };
                match verdict {
                    Verdict::Equal => return Verdict::Equal,
                    Verdict::Different => {}
                    other => undecided = undecided.or(Some(other)),
                }
            }
        }
        undecided.unwrap_or(Verdict::Different)
    }

    fn parsed(&self, prediction: &Expr, reference: &Expr) -> Verdict {
        let mut comparer =
            Comparer { options: self, budget: Budget::new(self.steps), valueless: false };
        let equal = comparer.equal(prediction, reference);
        match (equal, comparer.budget.is_spent(), comparer.valueless) {
            (true, ..) => Verdict::Equal,
            (false, true, _) => Verdict::Undecided(Reason::Steps),
            (false, false, true) => Verdict::Undecided(Reason::NoValue),
            (false, false, false) => Verdict::Different,
        }
    }
}

/// The ways to read a text: commas between digits group, separate, or stand before decimals.
fn readings(text: &str) -> Vec<Result<Expr, ParseError>> {
    let grouped = parse(text, Commas::Group);
    if !text.contains(',') {
        return vec![grouped];
    }
    let separated = parse(text, Commas::Separate);
    let mut readings = if grouped == separated { vec![grouped] } else { vec![grouped, separated] };
    let unsigned = text.trim().trim_start_matches('-');
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if unsigned.split_once(',').is_some_and(|(whole, decimals)| digits(whole) && digits(decimals)) {
        readings.push(parse(&text.replace(',', "."), Commas::Separate));
    }
    readings
}

/// Whether a text can be read as mathematics.
pub(crate) fn is_readable(text: &str) -> bool {
    readings(text).iter().any(Result::is_ok)
}

struct Comparer<'a> {
    options: &'a Comparison,
    budget: Budget,
    /// Whether some part could be neither compared exactly nor evaluated.
    valueless: bool,
}

impl Comparer<'_> {
    /// Whether a prediction answers what the reference answers. Not symmetric: see [`unwrap::unwrapped`].
    fn equal(&mut self, prediction: &Expr, reference: &Expr) -> bool {
        if self.budget.spend(20).is_err() {
            return false;
        }
        if prediction == reference || words::same_letters(prediction, reference) {
            return true;
        }
        let (prediction, reference) =
            (unwrap::both_signs(prediction), unwrap::both_signs(reference));
        let (prediction, reference) = unwrap::unwrapped(&prediction, &reference);
        self.compare(&prediction, &reference)
    }

    fn compare(&mut self, prediction: &Expr, reference: &Expr) -> bool {
        use Expr::{Items, Matrix, Relation as Relates, Text};
        match (prediction, reference) {
            (Relates(p, ps), Relates(r, rs)) => self.relations((p, ps), (r, rs)),
            (set, Relates(..)) if is_set(set) => self.same_reals(prediction, reference),
            (Relates(..), set) if is_set(set) => {
                self.options.inequalities_as_sets && self.same_reals(prediction, reference)
            }
            (Relates(..), _) | (_, Relates(..)) => false,
            (Items(pb, p), Items(rb, r)) => {
                self.items((*pb, p), (*rb, r)) || self.same_reals(prediction, reference)
            }
            (Expr::SetOperation(..) | Expr::Constant(Constant::Reals | Constant::Empty), _)
            | (_, Expr::SetOperation(..) | Expr::Constant(Constant::Reals | Constant::Empty)) => {
                self.same_reals(prediction, reference) || self.same_operation(prediction, reference)
            }
            (Matrix(rows), Items(_, items)) => {
                let flat: Vec<Expr> = rows.iter().flatten().cloned().collect();
                self.ordered(&flat, items)
            }
            (Items(_, items), Matrix(rows)) => {
                let flat: Vec<Expr> = rows.iter().flatten().cloned().collect();
                self.ordered(items, &flat)
            }
            (Items(Brackets::Braces | Brackets::None, items), other)
            | (other, Items(Brackets::Braces | Brackets::None, items)) => {
                // `{2}` and 2, and one number written in two ways.
                items.iter().all(|item| self.equal(item, other))
            }
            (Text(p), Text(r)) => words::same_words(p, r),
            (Items(..) | Text(_), _) | (_, Items(..) | Text(_)) => false,
            _ => self.matrices_or_scalars(prediction, reference),
        }
    }

    /// A numeral with its base against a number without: the base is taken to be understood.
    fn numerals(&mut self, prediction: &Expr, reference: &Expr) -> Option<bool> {
        match (numeral_digits(prediction), numeral_digits(reference)) {
            (Some(digits), None) => Some(self.scalars(&digits, reference)),
            (None, Some(digits)) => Some(self.scalars(prediction, &digits)),
            _ => None,
        }
    }

    fn matrices_or_scalars(&mut self, prediction: &Expr, reference: &Expr) -> bool {
        let has_matrix = |e: &Expr| e.any(&|part| matches!(part, Expr::Matrix(_)));
        if !(has_matrix(prediction) || has_matrix(reference)) {
            let numerals = self.numerals(prediction, reference);
            return numerals.unwrap_or_else(|| self.scalars(prediction, reference));
        }
        let (p, r) = (matrix::value(prediction), matrix::value(reference));
        match (p, r) {
            (Some(p), Some(r)) => self.matrices(&p, &r),
            (Some(_), None) | (None, Some(_)) => false,
            _ => self.scalars(prediction, reference),
        }
    }
}

/// The digits of a numeral, read in base ten.
fn numeral_digits(expr: &Expr) -> Option<Expr> {
    match expr {
        Expr::Call(name, parts) if name == "numeral" => parts.get(2).cloned(),
        _ => None,
    }
}

fn is_set(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::Items(..)
            | Expr::SetOperation(..)
            | Expr::Constant(Constant::Empty | Constant::Reals)
    )
}

#[cfg(test)]
mod tests;
