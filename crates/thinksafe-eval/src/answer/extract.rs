//! Rules that find the answer in a response. Each is one pass over the text.

/// A way to find an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rule {
    /// The content of the last closed `\boxed{...}` that is not empty.
    Boxed,
    /// What follows the last `answer is`, `answer:` or `####`, up to the end of the sentence or line.
    Stated,
    /// The last number.
    LastNumber,
    /// A letter from `A` to this one: boxed, stated, else the last that stands alone as a word.
    Choice(char),
}

/// Applies a rule to the answer part of a response.
pub fn extract(rule: Rule, response: &str) -> Option<String> {
    match rule {
        Rule::Boxed => boxed(response).map(str::to_owned),
        Rule::Stated => stated(response).map(str::to_owned),
        Rule::LastNumber => last_number(response).map(str::to_owned),
        Rule::Choice(last) => choice(response, last),
    }
}

fn boxed(text: &str) -> Option<&str> {
    let closing = closing_braces(text);
    let mut found = None;
    for (at, mark) in text.match_indices(BOXED) {
        let rest = &text[at + mark.len()..];
        let open = text.len() - rest.trim_start().len();
        if let Ok(pair) = closing.binary_search_by_key(&open, |(open, _)| *open) {
            let content = text[open + 1..closing[pair].1].trim();
            if !content.is_empty() {
                found = Some(content);
            }
        }
    }
    found
}

/// Every `{` that is closed, with the offset of its `}`, in order; escaped braces are text.
fn closing_braces(text: &str) -> Vec<(usize, usize)> {
    let (mut open, mut pairs, mut escaped) = (Vec::new(), Vec::new(), false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'{' => open.push(at),
            b'}' => pairs.extend(open.pop().map(|from| (from, at))),
            _ => {}
        }
    }
    pairs.sort_unstable();
    pairs
}

fn stated(text: &str) -> Option<&str> {
    // ASCII lower case keeps every offset.
    let lower = text.to_ascii_lowercase();
    let end = |mark: &&str| lower.rfind(*mark).map(|at| at + mark.len());
    let from = STATED.iter().filter_map(end).max()?;
    let rest = text[from..].trim_start_matches([':', ' ', '*']);
    let line = rest.lines().next().unwrap_or_default();
    let sentence = line.find(". ").map_or(line, |at| &line[..at]);
    let answer = sentence.trim().trim_end_matches(['.', '*']).trim();
    (!answer.is_empty()).then_some(answer)
}

fn last_number(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let is_part = |at: usize| match bytes[at] {
        b'0'..=b'9' => true,
        // A comma or point belongs to a number only between digits.
        b',' | b'.' => {
            at > 0
                && bytes[at - 1].is_ascii_digit()
                && bytes.get(at + 1).is_some_and(u8::is_ascii_digit)
        }
        _ => false,
    };
    let last = bytes.iter().rposition(u8::is_ascii_digit)?;
    let mut from = last;
    while from > 0 && is_part(from - 1) {
        from -= 1;
    }
    // A minus is a sign unless it stands behind a word or number: `10-3` ends in 3.
    let is_sign = from > 0
        && bytes[from - 1] == b'-'
        && (from < 2 || !(bytes[from - 2].is_ascii_alphanumeric() || bytes[from - 2] == b')'));
    Some(&text[from - usize::from(is_sign)..=last])
}

fn choice(text: &str, last: char) -> Option<String> {
    let lone = |part: &str| {
        let words = part.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty());
        words.rev().find_map(|word| single(word, last))
    };
    let first_lone = |part: &str| {
        let mut words = part.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty());
        words.find_map(|word| single(word, last))
    };
    boxed(text)
        .and_then(lone)
        .or_else(|| stated(text).and_then(first_lone))
        .or_else(|| lone(text))
        .map(String::from)
}

fn single(word: &str, last: char) -> Option<char> {
    let mut chars = word.chars();
    let letter = chars.next()?;
    (chars.next().is_none() && ('A'..=last).contains(&letter)).then_some(letter)
}

const BOXED: &str = r"\boxed";
const STATED: [&str; 4] = ["answer is", "answer:", "answer**:", "####"];
