//! The text form that answers are brought to before they are compared.

use super::pattern::Pattern;
use super::word_number::convert;

/// Brings an answer to the form that SkyThought compares: one spelling of fractions, roots and matrices, words as
/// numbers, no units, degrees, percent signs, dollars or names of variables, integers in order.
pub fn strip(answer: &str) -> String {
    let mut text = answer.trim().replace('\n', "");
    text.truncate(text.trim_end_matches('.').len());
    text = spelled(&text);
    text = without_units(&text);
    text = replaced(&text, &[("^{\\circ}", ""), ("^\\circ", ""), ("\\$", ""), ("$", "")]);
    text = replaced(&text, &[("\\(", ""), ("\\)", "")]);
    text = convert(&text).unwrap_or(text);
    text = without_words(&text);
    if text.contains('j') && !text.contains('i') {
        text = text.replace('j', "i");
    }
    text = without_zero_decimals(&text);
    if text.is_empty() {
        return text;
    }
    if text.starts_with('.') {
        text.insert(0, '0');
    }
    text = without_name(text);
    finished(&text)
}

fn replaced(text: &str, pairs: &[(&str, &str)]) -> String {
    pairs.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// One spelling for commands that have several.
fn spelled(text: &str) -> String {
    static ARRAY: Pattern = Pattern::new(r"\\begin\{array\}\{.*?\}");
    static ARRAY_END: Pattern = Pattern::new(r"\\end\{array\}");
    static WORD: Pattern = Pattern::new(r"\\text\{([a-zA-Z]+)\}");
    let text = text.replace("\\!", "");
    let text = ARRAY.replace_all(&text, r"\begin{pmatrix}");
    let text = ARRAY_END.replace_all(&text, r"\end{pmatrix}");
    let text = replaced(
        &text,
        &[
            ("bmatrix", "pmatrix"),
            ("tfrac", "frac"),
            ("dfrac", "frac"),
            ("\\neq", "\\ne"),
            ("\\leq", "\\le"),
            ("\\geq", "\\ge"),
            ("\\left", ""),
            ("\\right", ""),
            ("\\{", "{"),
            ("\\}", "}"),
        ],
    );
    WORD.replace_each(&text, |groups| {
        let word = groups[1].to_lowercase();
        convert(&word).unwrap_or_else(|| groups[0].to_owned())
    })
}

/// Without words at the end, if anything is left then.
fn without_units(text: &str) -> String {
    static SQUARED: Pattern = Pattern::new(r"(cm|inches)\}\^2");
    static TRAILING: Pattern = Pattern::new(r"\\text\{.*?\}$");
    let text = SQUARED.replace_all(text, "$1}");
    let stripped = TRAILING.replace_all(&text, "").trim().to_owned();
    if stripped.is_empty() { text.into_owned() } else { stripped }
}

fn without_words(text: &str) -> String {
    static TEXT: Pattern = Pattern::new(r"\\text\{(.*?)\}");
    static MBOX: Pattern = Pattern::new(r"\\mbox\{.*?\}");
    let text = TEXT.replace_all(text, "$1");
    let text = replaced(
        &text,
        &[
            ("x=", ""),
            ("y=", ""),
            ("z=", ""),
            ("x\\in", ""),
            ("y\\in", ""),
            ("z\\in", ""),
            ("x\\to", ""),
            ("y\\to", ""),
            ("z\\to", ""),
            ("\\emptyset", "{}"),
            ("(-\\infty,\\infty)", "\\mathbb{R}"),
            ("\\%", ""),
            ("%", ""),
            (" .", " 0."),
            ("{.", "{0."),
            ("infinity", "\\infty"),
        ],
    );
    let text = if text.contains("\\infty") { text } else { text.replace("inf", "\\infty") };
    let text = replaced(&text, &[("+\\inity", "\\infty"), ("and", ""), ("\\mathbf", "")]);
    MBOX.replace_all(&text, "").into_owned()
}

/// 3.0 is 3.
fn without_zero_decimals(text: &str) -> String {
    static INSIDE: Pattern = Pattern::new(r"(\d+)\.0*([^\d])");
    static AT_END: Pattern = Pattern::new(r"(\d+)\.0*$");
    let text = INSIDE.replace_all(text, "$1$2").into_owned();
    AT_END.replace_all(&text, "$1").into_owned()
}

/// `k = 5` is 5 where the name has at most two characters.
pub(crate) fn without_name(text: String) -> String {
    let sides: Vec<&str> = text.split('=').collect();
    match sides.as_slice() {
        [name, value] if name.chars().count() <= 2 => (*value).to_owned(),
        _ => text,
    }
}

fn finished(text: &str) -> String {
    static ROOT: Pattern = Pattern::new(r"\\sqrt(\w+)");
    // The original looks ahead; here what follows is put back.
    static ESCAPED: Pattern = Pattern::new(r"\\(-?\d+)(\\|\)|,|\]|$)");
    static GRADE: Pattern = Pattern::new(r"thgrade$");
    static INTEGERS: Pattern = Pattern::new(r"^(\s*-?\d+\s*,)*\s*-?\d+\s*$");
    let text = ROOT.replace_all(text, r"\sqrt{$1}").replace(' ', "");
    let text = slashed(&braced_fractions(&text));
    let text = ESCAPED.replace_all(&text, "$1$2");
    let text = GRADE.replace_all(&text, "").into_owned();
    if !INTEGERS.is_match(&text) {
        return text;
    }
    let integers: Option<Vec<i128>> = text.split(',').map(|n| n.trim().parse().ok()).collect();
    let Some(mut integers) = integers else { return text };
    integers.sort_unstable();
    integers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// `\frac12` is `\frac{1}{2}`; a text that ends in the middle of one stays as it is.
pub(crate) fn braced_fractions(text: &str) -> String {
    let mut parts = text.split("\\frac");
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        result.push_str("\\frac");
        if part.starts_with('{') {
            result.push_str(part);
            continue;
        }
        let mut chars = part.chars();
        let (Some(above), Some(below)) = (chars.next(), chars.next()) else {
            return text.to_owned();
        };
        result.extend(['{', above, '}']);
        if below == '{' {
            result.push(below);
        } else {
            result.extend(['{', below, '}']);
        }
        result.push_str(chars.as_str());
    }
    result
}

/// `1/2` is `\frac{1}{2}` where both sides are integers as Python prints them, or have a root.
pub(crate) fn slashed(text: &str) -> String {
    let sides: Vec<&str> = text.split('/').collect();
    let [above, below] = sides.as_slice() else { return text.to_owned() };
    let whole = |side: &str| {
        side.contains("sqrt") || side.parse::<i128>().is_ok_and(|n| n.to_string() == side)
    };
    if whole(above) && whole(below) {
        format!("\\frac{{{above}}}{{{below}}}")
    } else {
        text.to_owned()
    }
}
