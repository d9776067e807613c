//! The rules by which SkyThought 0.1.0 grades, quirks included, so that published numbers can be compared with.
//!
//! ThinkSafe's paper evaluates with them. Some of what they do is not right: a percentage equals its number, its
//! hundredth and its hundredfold, the article "a" is choice A, 2 equals 2.0001, and inequalities lose their direction.
//! [`grade`](crate::grade) is the default for everything else.
//!
//! The symbolic comparison of the original is SymPy's, through `parse_expr` and `latex2sympy`; here it is
//! [`Comparison`](crate::Comparison), with the original's tolerance.

mod equal;
mod pattern;
mod strip;
mod word_number;

use pattern::Pattern;

pub use equal::equal;
pub use strip::strip;
pub(crate) use strip::{braced_fractions, slashed, without_name};

/// Whether a response to a GSM8K problem is right: `reference` is the solution with its `#### 18`, or the number alone.
///
/// Both are compared as texts, so `18.0` is not 18.
pub fn gsm8k(response: &str, reference: &str) -> bool {
    static MARKED: Pattern = Pattern::new(r"#### (-?[0-9.,]+)");
    static NUMBER: Pattern = Pattern::new(r"(-?[$0-9.,]{2,})|(-?[0-9]+)");
    let marked = MARKED.captures(reference).map(|groups| groups[1].replace(',', ""));
    let reference = marked.unwrap_or_else(|| reference.trim().replace(',', ""));
    let answer = extract(response).replace([',', '$'], "");
    NUMBER.last(&answer).is_some_and(|number| number == reference)
}

/// Whether a response to a problem of MATH or AIME is right.
pub fn math(response: &str, reference: &str) -> bool {
    equal(&strip(&extract(response)), &strip(reference))
}

/// Whether a response to a question of GPQA or MMLU chooses the letter: see [`multiple_choice`].
pub fn gpqa(response: &str, reference: &str) -> bool {
    multiple_choice(response) == reference
}

/// The answer that a response ends with: boxed, behind "answer is", else its last number; [stripped](strip).
pub fn extract(response: &str) -> String {
    static NUMBER: Pattern = Pattern::new(r"-?\d*\.?\d+");
    static LINES: Pattern = Pattern::new(r"\n\s*");
    let response = response.replace("ки", "");
    let behind = |mark: &str| response.rsplit_once(mark).map(|(_, rest)| rest);
    let hoped = response
        .split_once("final answer is $")
        .filter(|_| response.contains("$. I hope"))
        .map(|(_, rest)| rest.split_once("$. I hope").map_or(rest, |(answer, _)| answer).trim());
    let answer = if let Some(answer) = hoped {
        answer.to_owned()
    } else if let Some(rest) = behind("boxed") {
        if rest.is_empty() {
            return String::new();
        }
        boxed(rest)
    } else if let Some(rest) = behind("he answer is").or_else(|| behind("final answer is")) {
        rest.trim().to_owned()
    } else if let Some(rest) = response.split("答案是").nth(1) {
        rest.trim().split("\n\n").next().unwrap_or_default().trim().to_owned()
    } else {
        NUMBER.last(&response.replace(',', "")).unwrap_or_default()
    };
    let answer = LINES.replace_all(&answer, "");
    let answer = answer.strip_prefix(':').unwrap_or(&answer);
    let answer = answer.strip_suffix('.').unwrap_or(answer);
    strip(answer.strip_suffix('/').unwrap_or(answer))
}

/// What stands behind `boxed`: a group in braces, closed or not, else everything up to the next `$`.
fn boxed(rest: &str) -> String {
    let Some(inner) = rest.strip_prefix('{') else {
        return rest.split('$').next().unwrap_or_default().trim().to_owned();
    };
    let mut depth = 1usize;
    let end = inner.find(|c: char| {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        depth == 0
    });
    inner[..end.unwrap_or(inner.len())].to_owned()
}

/// The last letter from A to D that stands alone in the upper-cased text, else the text itself.
pub fn multiple_choice(text: &str) -> String {
    static LETTER: Pattern = Pattern::new(r"\b(A|B|C|D)\b");
    let found = LETTER.last(&text.to_uppercase());
    let choice = found.unwrap_or_else(|| text.trim().trim_matches('.').to_owned());
    choice.trim_end_matches('.').trim_end_matches('/').to_owned()
}

/// Like [`multiple_choice`], from A to E, with the marks around it taken off.
pub fn clean_choice(text: &str) -> String {
    static LETTER: Pattern = Pattern::new(r"\b(A|B|C|D|E)\b");
    let text = text.trim_matches('\n').trim_end_matches('.').trim_end_matches('/');
    let text = text.trim_matches(' ').trim_start_matches(':');
    let found = LETTER.last(&text.to_uppercase());
    let choice = found.unwrap_or_else(|| text.trim().trim_matches('.').to_owned());
    choice.trim_end_matches('.').trim_end_matches('/').to_owned()
}

/// The letter from A to J that a response to MMLU-Pro chooses.
pub fn mmlu_pro(text: &str) -> Option<String> {
    static STATED: Pattern = Pattern::new(r"answer is \(?([A-J])\)?");
    static LABELLED: Pattern = Pattern::new(r".*[aA]nswer:\s*([A-J])");
    static ALONE: Pattern = Pattern::new(r"\b[A-J]\b");
    let first = |found: &Pattern| found.captures(text).map(|groups| groups[1].to_owned());
    first(&STATED).or_else(|| first(&LABELLED)).or_else(|| ALONE.last(text))
}

/// The letter from A to D that a response to ARC chooses: in its answer, else behind "the best answer is".
pub fn arc(response: &str) -> Option<String> {
    static LETTER: Pattern = Pattern::new(r"([A-D])[.,]*");
    static STATED: Pattern = Pattern::new(r"(?i)[Tt]he best answer is ([A-D])[.,]*");
    if let Some(groups) = LETTER.captures(&extract(response)) {
        return Some(groups[1].to_owned());
    }
    let text = response.replace([',', '$', '*'], "");
    STATED.captures_last(&text).map(|groups| groups[1].to_owned())
}

#[cfg(test)]
mod tests;
