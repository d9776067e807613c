//! Choices: a letter, or another short answer of a given list.

/// The last letters of a choice in the scripts that benchmarks use, four and more each.
const NATIVE: [&str; 7] =
    ["ABCDEFGH", "АБВГДЕЖЗ", "أبجد", "কখগঘঙচ", "कखगघङच", "กขคงจฉ", "ΑΒΓΔΕΖΗΘ"];

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
    let final_answer = after(response, "final answer", 100, true, &places);
    let found = |place: &Place| strings[place.string].to_owned();
    boxed
        .or_else(|| final_answer.as_ref().map(found))
        .or_else(|| after(response, "answer:", 50, false, &places).as_ref().map(found))
        .or_else(|| after(response, "answer", 50, false, &places).as_ref().map(found))
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

#[derive(Clone)]
struct Place {
    start: usize,
    string: usize,
    is_opening: bool,
}

/// Where the strings stand alone, in order.
fn places(strings: &[&str], text: &str) -> Vec<Place> {
    let mut places = Vec::new();
    for (string, word) in strings.iter().enumerate().filter(|(_, word)| !word.is_empty()) {
        for (start, _) in text.match_indices(*word) {
            let before = text[..start].chars().next_back();
            let after = text[start + word.len()..].chars().next();
            let opens =
                before.is_none_or(|c| c.is_whitespace() || "(*[{\"'“‘:：）（>=".contains(c));
            let closes = after
                .is_none_or(|c| c.is_whitespace() || ".,:;)*]}\"'”’!?。，：；）、।<".contains(c));
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
fn after(text: &str, anchor: &str, characters: usize, is: bool, places: &[Place]) -> Option<Place> {
    let lower = text.to_ascii_lowercase();
    lower.rmatch_indices(anchor).find_map(|(at, mark)| {
        let mut from = at + mark.len();
        let end = text[from..].char_indices().nth(characters).map_or(text.len(), |(n, _)| from + n);
        if is {
            from += text[from..end].find(" is")? + 3;
        }
        let first = places.partition_point(|place| place.start < from);
        places[first..].first().filter(|place| place.start <= end).cloned()
    })
}
