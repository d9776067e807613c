//! Mathematical answers: found in what a model wrote, and compared with what is right.
//!
//! ```text
//! response ──Finder──▶ answer ──┐
//!                               ├─Comparison─▶ Verdict: equal, different, undecided (why)
//! reference ─Finder──▶ answer ──┘
//! ```
//!
//! [`grade`] does both. A [`Finder`] looks for what is boxed, what "the answer is" introduces, and the last expression;
//! [`choice`] for a letter. A [`Comparison`] reads LaTeX and plain mathematics: numbers, percentages, units,
//! expressions, sets, tuples, intervals, matrices, equations and inequalities.
//!
//! Work is counted in steps and never timed, parsing is of bounded depth: no text panics or runs away, and a verdict is
//! the same on every machine. What could not be told is [`Verdict::Undecided`], never silently different.
//!
//! Two other sets of rules have published numbers: [`skythought`], by which ThinkSafe's paper grades, and
//! [`hendrycks`], the string rules of MATH.
//!
//! # Example
//!
//! ```
//! use thinksafe_math::{Comparison, Finder, Verdict, grade};
//!
//! let response = r"The roots are $x = 1$ and $x = -\frac{1}{2}$, so the answer is $\boxed{\{1, -\frac12\}}$.";
//! let graded = grade(response, r"-0.5, 1", Finder::default(), &Comparison::default());
//! assert_eq!(graded.verdict, Verdict::Equal);
//! ```

mod braces;
mod budget;
mod compare;
mod exact;
mod expr;
mod extract;
mod grade;
pub mod hendrycks;
mod lexer;
mod normal;
mod number;
mod numeric;
mod parser;
pub mod skythought;
mod words;

pub use compare::{Comparison, Reason, Verdict};
pub use extract::{Finder, choice, first_of, last_boxed};
pub use grade::{Graded, grade};
pub use parser::ParseError;
