//! Numbers in English words, as the `word2number` package reads them: other words are passed over.

const WORDS: [(&str, u64); 32] = [
    ("zero", 0),
    ("one", 1),
    ("two", 2),
    ("three", 3),
    ("four", 4),
    ("five", 5),
    ("six", 6),
    ("seven", 7),
    ("eight", 8),
    ("nine", 9),
    ("ten", 10),
    ("eleven", 11),
    ("twelve", 12),
    ("thirteen", 13),
    ("fourteen", 14),
    ("fifteen", 15),
    ("sixteen", 16),
    ("seventeen", 17),
    ("eighteen", 18),
    ("nineteen", 19),
    ("twenty", 20),
    ("thirty", 30),
    ("forty", 40),
    ("fifty", 50),
    ("sixty", 60),
    ("seventy", 70),
    ("eighty", 80),
    ("ninety", 90),
    ("hundred", 100),
    ("thousand", 1_000),
    ("million", 1_000_000),
    ("billion", 1_000_000_000),
];

/// The number that a text says, in digits; `None` where it says none.
pub(super) fn convert(text: &str) -> Option<String> {
    let text = text.replace('-', " ").to_lowercase();
    if !text.is_empty() && text.chars().all(|c| c.is_ascii_digit()) {
        let digits = text.trim_start_matches('0');
        return Some(if digits.is_empty() { "0" } else { digits }.to_owned());
    }
    let words: Vec<&str> = text.split_whitespace().filter(|w| is_word(w)).collect();
    let twice = |word: &str| words.iter().filter(|w| **w == word).count() > 1;
    if words.is_empty() || ["thousand", "million", "billion", "point"].into_iter().any(twice) {
        return None;
    }
    let point = words.iter().position(|w| *w == "point");
    let (whole, decimals) = words.split_at(point.unwrap_or(words.len()));
    let whole = whole_number(whole)?;
    match decimals.get(1..).filter(|d| !d.is_empty()) {
        None => Some(whole.to_string()),
        Some(decimals) => decimal_digits(decimals).map(|digits| format!("{whole}.{digits}")),
    }
}

fn is_word(word: &str) -> bool {
    word == "point" || WORDS.iter().any(|(w, _)| *w == word)
}

fn value(word: &str) -> Option<u64> {
    WORDS.iter().find(|(w, _)| *w == word).map(|(_, value)| *value)
}

fn decimal_digits(words: &[&str]) -> Option<String> {
    let digit = |word: &&str| value(word).filter(|n| *n < 10).map(|n| n.to_string());
    words.iter().map(digit).collect()
}

fn whole_number(words: &[&str]) -> Option<u64> {
    match words {
        [] => return Some(0),
        [single] => return value(single),
        _ => {}
    }
    let mut rest = words;
    let mut total = 0u64;
    for scale in ["billion", "million", "thousand"] {
        if let Some(at) = rest.iter().position(|w| *w == scale) {
            total = total.checked_add(below_thousand(&rest[..at])?.checked_mul(value(scale)?)?)?;
            rest = &rest[at + 1..];
        }
    }
    // A scale behind a smaller one.
    if rest.iter().any(|w| value(w).is_some_and(|n| n >= 1_000)) {
        return None;
    }
    total.checked_add(if rest.is_empty() { 0 } else { below_thousand(rest)? })
}

/// Up to four words; the first multiplies the second if that is a hundred or more words follow.
fn below_thousand(words: &[&str]) -> Option<u64> {
    let values: Option<Vec<u64>> = words.iter().map(|w| value(w)).collect();
    match values?.as_slice() {
        [first, second, rest @ ..] if rest.len() == 1 || rest.len() == 2 => {
            Some(first * second + rest.iter().sum::<u64>())
        }
        [first, second] if *first == 100 || *second == 100 => Some(first * second),
        [first, second] => Some(first + second),
        [first, ..] => Some(*first),
        [] => None,
    }
}
