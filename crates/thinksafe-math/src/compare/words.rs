//! Answers that are words, or spelled the same.

use crate::expr::{Constant, Expr};

/// Whether two texts differ only in what LaTeX does not show.
pub(crate) fn same_spelling(a: &str, b: &str) -> bool {
    let (a, b) = (spelling(a), spelling(b));
    !a.is_empty() && a == b
}

/// The text without white space, sizes of brackets, `$`, words' commands and the final point.
fn spelling(text: &str) -> String {
    let mut text: String = text.chars().filter(|c| !c.is_whitespace() && *c != '$').collect();
    for mark in ["\\left", "\\right", "\\!", "\\,", "\\;", "\\:"] {
        if text.contains(mark) {
            text = text.replace(mark, "");
        }
    }
    if text.contains('\\') {
        text = text.replace("\\dfrac", "\\frac").replace("\\tfrac", "\\frac");
        for command in ["\\text{", "\\mathrm{", "\\textbf{", "\\mathbf{", "\\mbox{"] {
            let inner = text.strip_prefix(command).and_then(|t| t.strip_suffix('}'));
            if let Some(inner) = inner.filter(|inner| !inner.contains(['{', '}'])) {
                text = inner.to_owned();
            }
        }
    }
    let trimmed = text.trim_end_matches(['.', ',', ';']);
    let letter = trimmed.strip_prefix('(').and_then(|t| t.strip_suffix(')'));
    match letter.filter(|l| l.len() == 1 && l.starts_with(|c: char| c.is_ascii_alphabetic())) {
        Some(letter) => letter.to_owned(),
        None => trimmed.to_owned(),
    }
}

/// Whether two texts are the same words, whatever their case and marks.
pub(super) fn same_words(a: &str, b: &str) -> bool {
    let words = |text: &str| {
        let lower = text.to_lowercase();
        lower
            .split(|c: char| !c.is_alphanumeric())
            .filter(|w| !w.is_empty())
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let (a, b) = (words(a), words(b));
    !a.is_empty() && a == b
}

/// Whether one is a word in `\text` and the other the same letters in mathematics, read as a product.
pub(super) fn same_letters(a: &Expr, b: &Expr) -> bool {
    let mixed = matches!(a, Expr::Text(_)) != matches!(b, Expr::Text(_));
    let e = |x: &Expr, y: &Expr| *x == Expr::Constant(Constant::E) && *y == Expr::symbol("E");
    if e(a, b) || e(b, a) {
        return true;
    }
    // Choices are letters in either case.
    if let (Expr::Symbol(a), Expr::Symbol(b)) = (a, b) {
        return a.eq_ignore_ascii_case(b);
    }
    mixed
        && match (letters(a), letters(b)) {
            (Some(a), Some(b)) => a.eq_ignore_ascii_case(&b),
            _ => false,
        }
}

fn letters(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Symbol(name) | Expr::Text(name) => {
            Some(name.chars().filter(|c| c.is_alphanumeric()).collect())
        }
        Expr::Constant(Constant::E) => Some("e".to_owned()),
        Expr::Constant(Constant::I) => Some("i".to_owned()),
        Expr::Product(factors) => factors.iter().map(letters).collect(),
        // `f(a)` read as a function, `no(t)`.
        Expr::Call(name, arguments) => {
            let arguments: Option<String> = arguments.iter().map(letters).collect();
            arguments.map(|arguments| format!("{name}{arguments}"))
        }
        _ => None,
    }
}
