//! The comparison of two stripped answers.

use super::clean_choice;
use super::pattern::Pattern;
use crate::compare::{Comparison, Verdict};

/// Relative tolerance of numbers.
const TOLERANCE: f64 = 1e-4;
/// How deep tuples and equations are taken apart.
const MAX_DEPTH: u32 = 8;

/// Whether two [stripped](super::strip) answers are equal: as texts, as choices, as numbers within 1e-4 (a percentage
/// as its number, its hundredth or its hundredfold), part by part, or symbolically.
pub fn equal(prediction: &str, reference: &str) -> bool {
    equal_at(prediction, reference, MAX_DEPTH)
}

fn equal_at(prediction: &str, reference: &str, depth: u32) -> bool {
    if prediction.trim().to_lowercase() == reference.trim().to_lowercase() {
        return true;
    }
    let is_choice = ["A", "B", "C", "D", "E"].contains(&reference);
    if is_choice && clean_choice(prediction) == reference {
        return true;
    }
    if let (Some(p), Some(r)) = (digits(prediction), digits(reference)) {
        return [r / 100.0, r, r * 100.0].into_iter().any(|r| close(p, r));
    }
    if prediction.is_empty() || depth == 0 {
        return false;
    }
    let (prediction, reference) = (prediction.trim(), reference.trim());
    let reference = &as_matrix(prediction, reference);
    without_brackets(prediction, reference)
        || parts(prediction, reference, depth)
        || matrices(prediction, reference, depth)
        || sides(prediction, reference, depth)
        || symbolic(prediction, reference)
}

fn close(a: f64, b: f64) -> bool {
    a == b || (a - b).abs() <= TOLERANCE * a.abs().max(b.abs()) && (a - b).is_finite()
}

/// A number, perhaps with commas, perhaps with a percent sign.
fn digits(text: &str) -> Option<f64> {
    let text = text.replace(',', "");
    text.trim().parse().ok().or_else(|| {
        let percent = text.strip_suffix('%')?;
        let percent = percent.strip_suffix('\\').unwrap_or(percent);
        percent.trim().parse::<f64>().ok().map(|n| n / 100.0)
    })
}

/// A reference `{1,2}` where the prediction is a matrix.
fn as_matrix(prediction: &str, reference: &str) -> String {
    static BRACED: Pattern = Pattern::new(r"\{.*,.*\}");
    if !prediction.contains("pmatrix") || reference.contains("pmatrix") {
        return reference.to_owned();
    }
    BRACED.captures(reference).map_or_else(String::new, |groups| {
        let inner = groups[0].trim_matches(['{', '}']).replace(',', "\\");
        format!("\\begin{{pmatrix}}{inner}\\end{{pmatrix}}")
    })
}

/// Whether they are the same text without brackets.
fn without_brackets(prediction: &str, reference: &str) -> bool {
    let round = prediction.starts_with('(') && prediction.ends_with(')');
    let square = prediction.starts_with('[') && prediction.ends_with(']');
    let trim = square && !reference.starts_with('(') || round && !reference.starts_with('[');
    let plain = |text: &str| {
        let text = if trim { text.trim_matches(['[', ']', '(', ')']) } else { text };
        text.replace(['{', '}', '(', ')'], "").to_lowercase()
    };
    plain(prediction) == plain(reference)
}

/// `[a, b]` and `(c, d)`: part by part, whatever the brackets.
fn parts(prediction: &str, reference: &str, depth: u32) -> bool {
    static BRACKETED: Pattern = Pattern::new(r"^(\(|\[).+(\)|\])");
    if !BRACKETED.is_match(prediction) || !BRACKETED.is_match(reference) {
        return false;
    }
    all_equal(inner(prediction).split(','), inner(reference).split(','), depth)
}

/// Without the first and last character.
fn inner(text: &str) -> &str {
    let mut chars = text.chars();
    chars.next();
    chars.next_back();
    chars.as_str()
}

fn all_equal<'a>(
    prediction: impl Iterator<Item = &'a str>,
    reference: impl Iterator<Item = &'a str>,
    depth: u32,
) -> bool {
    let (p, r): (Vec<&str>, Vec<&str>) = (prediction.collect(), reference.collect());
    p.len() == r.len() && p.iter().zip(&r).all(|(p, r)| equal_at(p, r, depth - 1))
}

fn matrices(prediction: &str, reference: &str, depth: u32) -> bool {
    fn entries(text: &str) -> Option<&str> {
        text.strip_prefix("\\begin{pmatrix}")?.strip_suffix("\\end{pmatrix}")
    }
    let (Some(p), Some(r)) = (entries(prediction), entries(reference)) else { return false };
    let lines = |text: &str| {
        text.split("\\\\")
            .map(|l| l.trim().to_owned())
            .filter(|l| !l.is_empty())
            .collect::<Vec<_>>()
    };
    let (p, r) = (lines(p), lines(r));
    p.len() == r.len()
        && p.iter().zip(&r).all(|(p, r)| all_equal(p.split('&'), r.split('&'), depth))
}

/// Equations by their difference; an assignment by its value.
fn sides(prediction: &str, reference: &str, depth: u32) -> bool {
    let two = |text: &str| match text.split('=').collect::<Vec<_>>().as_slice() {
        [left, right] => Some((left.trim().to_owned(), right.trim().to_owned())),
        _ => None,
    };
    match (two(prediction), two(reference)) {
        (Some(prediction), Some(reference)) => {
            let difference = |(left, right): (String, String)| format!("{left} - ({right})");
            let (prediction, reference) = (difference(prediction), difference(reference));
            symbolic(&prediction, &reference) || symbolic(&format!("-({prediction})"), &reference)
        }
        (Some((name, value)), None) if name.chars().count() <= 2 && !reference.contains('=') => {
            equal_at(&value, reference, depth - 1)
        }
        (None, Some((name, value))) if name.chars().count() <= 2 && !prediction.contains('=') => {
            equal_at(prediction, &value, depth - 1)
        }
        _ => false,
    }
}

fn symbolic(a: &str, b: &str) -> bool {
    static MIXED: Pattern = Pattern::new(r"(\d)\\frac");
    // What the original cannot parse is a text to it.
    let is_text =
        |text: &str| text.contains("\\in[") || text.contains("\\in(") || text.contains("\\cup");
    if is_text(a) || is_text(b) {
        return false;
    }
    let comparison = Comparison {
        decimals: 12,
        relative_tolerance: TOLERANCE,
        ordered: true,
        undirected: true,
        ..Comparison::default()
    };
    // Mixed numbers are products to it.
    let prepared =
        |text: &str| MIXED.replace_all(&text.replace("\\\\", "\\"), r"$1\cdot\frac").into_owned();
    let (a, b) = (prepared(a), prepared(b));
    comparison.verdict(&a, &b) == Verdict::Equal
}
