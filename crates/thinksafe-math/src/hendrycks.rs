//! The string rules that were published with the MATH dataset, and that many harnesses call exact match.

use crate::skythought::{braced_fractions, slashed, without_name};

/// Whether two answers are the same text once [stripped](strip).
pub fn equal(prediction: &str, reference: &str) -> bool {
    strip(prediction) == strip(reference)
}

/// Brings an answer to the form that is compared: no white space, units in `\text`, degrees, dollars or escaped percent signs;
/// one spelling of fractions and roots; `0.5` as a fraction.
pub fn strip(answer: &str) -> String {
    let mut text = answer.to_owned();
    for (from, to) in [
        ("\n", ""),
        ("\\!", ""),
        ("\\\\", "\\"),
        ("tfrac", "frac"),
        ("dfrac", "frac"),
        ("\\left", ""),
        ("\\right", ""),
        ("^{\\circ}", ""),
        ("^\\circ", ""),
        ("\\$", ""),
    ] {
        text = text.replace(from, to);
    }
    // Exactly one text with a leading space is a unit.
    if text.matches("\\text{ ").count() == 1 {
        text.truncate(text.find("\\text{ ").unwrap_or(text.len()));
    }
    for (from, to) in [("\\%", ""), (" .", " 0."), ("{.", "{0.")] {
        text = text.replace(from, to);
    }
    if text.starts_with('.') {
        text.insert(0, '0');
    }
    text = without_name(text);
    text = braced_roots(&text).replace(' ', "");
    text = braced_fractions(&text);
    if text == "0.5" {
        "\\frac{1}{2}".clone_into(&mut text);
    }
    if text.contains("sqrt") { text } else { slashed(&text) }
}

/// `\sqrt3` is `\sqrt{3}`.
fn braced_roots(text: &str) -> String {
    let mut parts = text.split("\\sqrt");
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        result.push_str("\\sqrt");
        let mut chars = part.chars();
        match chars.next() {
            Some(first) if first != '{' => {
                result.extend(['{', first, '}']);
                result.push_str(chars.as_str());
            }
            _ => result.push_str(part),
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_become_one() {
        for (answer, expected) in [
            ("  \\frac{1}{2}  ", "\\frac{1}{2}"),
            ("0.5", "\\frac{1}{2}"),
            ("1/2", "\\frac{1}{2}"),
            ("\\tfrac12", "\\frac{1}{2}"),
            ("1 + 2", "1+2"),
            ("x = 5", "5"),
            ("k=5", "5"),
            ("5\\text{ cm}", "5"),
            ("\\sqrt3", "\\sqrt{3}"),
            (".25", "0.25"),
            ("50\\%", "50"),
            ("", ""),
        ] {
            assert_eq!(strip(answer), expected, "{answer}");
        }
        assert!(equal("\\dfrac{3}{4}", "3/4"));
        assert!(!equal("0.75", "3/4"));
    }
}
