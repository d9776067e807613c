//! Finding mathematical answers in text, and deciding whether two are equal.
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
