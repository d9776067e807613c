//! Choices: a letter, or another short answer of a given list.

use super::anchor::{self, FAR, NEAR};

/// The last letters of a choice in the scripts that benchmarks use, four and more each.
const NATIVE: [&str; 9] = [
    "ABCDEFGH",
    "АБВГДЕЖЗ",
    "أبجد",
    "কখগঘঙচ",
    "कखगघङच",
    "กขคงจฉ",
    "ΑΒΓΔΕΖΗΘ",
    "אבגד",
    "가나다라마",
];

/// The letter that a response chooses, `A` to `H` or the same of another script.
///
/// In this order: a boxed letter, what "final answer is", "answer:" and "answer" introduce, the letter that begins
/// the response, the last letter that stands alone.
pub fn choice(response: &str) -> Option<String> {
    let letters: Vec<String> = NATIVE.iter().flat_map(|s| s.chars()).map(String::from).collect();
    let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
    first_of(&letters, response)
}

/// The string of a list that a response answers with, found like [`choice`]. Case matters.
pub fn first_of(strings: &[&str], response: &str) -> Option<String> {
    let places = places(strings, response);
    let boxed =
        super::last_boxed(response).and_then(|content| first_of_box(strings, content.trim()));
    let mentions = anchor::answers(response);
    let is_label = |at: &usize| response[*at..].starts_with([':', '：']);
    let labels: Vec<usize> = mentions.iter().copied().filter(is_label).collect();
    let found = |place: &Place| strings[place.string].to_owned();
    boxed
        .or_else(|| behind(response, &anchor::finals(response), FAR, &places).map(found))
        .or_else(|| behind(response, &labels, NEAR, &places).map(found))
        .or_else(|| behind(response, &mentions, NEAR, &places).map(found))
        .or_else(|| places.iter().find(|p| p.is_opening).map(found))
        .or_else(|| places.last().map(found))
}

/// A box holds one choice, perhaps in `\text{}` or brackets, perhaps with what it says.
fn first_of_box(strings: &[&str], content: &str) -> Option<String> {
    let inner = content.strip_prefix("\\text").unwrap_or(content);
    let inner = inner.trim_matches(|c: char| matches!(c, '{' | '}' | '(' | ')' | ' ' | '*' | '.'));
    let is_choice = |s: &&&str| {
        inner.strip_prefix(**s).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
    };
    strings.iter().find(is_choice).map(|s| (*s).to_owned())
}

struct Place {
    start: usize,
    string: usize,
    is_opening: bool,
}

/// White space, and characters of scripts without spaces between words.
fn is_border(c: char) -> bool {
    c.is_whitespace() || ('\u{2e80}'..='\u{9fff}').contains(&c)
}

/// Where the strings stand alone, in order.
fn places(strings: &[&str], text: &str) -> Vec<Place> {
    let mut places = Vec::new();
    for (string, word) in strings.iter().enumerate().filter(|(_, word)| !word.is_empty()) {
        for (start, _) in text.match_indices(*word) {
            let before = text[..start].chars().next_back();
            let after = text[start + word.len()..].chars().next();
            let opens = before.is_none_or(|c| is_border(c) || "(*[{\"'“‘:：）（>=".contains(c));
            let closes =
                after.is_none_or(|c| is_border(c) || ".,:;)*]}\"'”’!?。，：；）、।<".contains(c));
            if opens && closes {
                let begins =
                    text[..start].trim_matches(['(', '*', '[', ' ', '\n', '（']).is_empty();
                let marked = after.is_none_or(|c| !c.is_whitespace());
                places.push(Place { start, string, is_opening: begins && marked });
            }
        }
    }
    places.sort_by_key(|place| place.start);
    places
}

/// The first string behind the last anchor that has one within so many characters.
fn behind<'p>(
    text: &str,
    anchors: &[usize],
    characters: usize,
    places: &'p [Place],
) -> Option<&'p Place> {
    anchors.iter().rev().find_map(|at| {
        let end = anchor::within(text, *at, characters);
        let first = places.partition_point(|place| place.start < *at);
        places[first..].first().filter(|place| place.start <= end)
    })
}
