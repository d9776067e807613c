//! `\boxed{...}`, however deep and however damaged.

use super::Span;
use crate::braces::closing;

/// The content of the last box: that of its braces, or of all that is left where they are not closed.
///
/// `\boxed 5` and `\fbox{5}` are boxes too.
pub fn last_boxed(text: &str) -> Option<&str> {
    boxes(text).last().map(|found| &text[found.content.clone()])
}

struct Found {
    start: usize,
    end: usize,
    content: std::ops::Range<usize>,
}

/// The last box, with those before it that belong to the same answer.
pub(super) fn last_group(text: &str) -> Option<Span> {
    let boxes = boxes(text);
    let last = boxes.last()?;
    let content = |found: &Found| text[found.content.clone()].trim();
    let (mut first, mut parts) = (last, vec![content(last)]);
    for before in boxes[..boxes.len() - 1].iter().rev() {
        if before.end > first.start {
            // It contains the other.
            continue;
        }
        let between = &text[before.end..first.start];
        let close = between.chars().count() < 10;
        let joined = content(before) != content(first)
            && between.chars().count() < 70
            && has_separator(between);
        if !(close || joined) {
            break;
        }
        if parts.last() != Some(&content(before)) {
            parts.push(content(before));
        }
        first = before;
    }
    parts.reverse();
    Some(Span { start: first.start, end: last.end, content: parts.join(",") })
}

fn has_separator(between: &str) -> bool {
    between.contains([',', ';'])
        || between.split(|c: char| !c.is_alphanumeric()).any(|w| matches!(w, "and" | "or"))
}

/// All boxes in order of their beginning. One that is not closed counts only if it is the last.
fn boxes(text: &str) -> Vec<Found> {
    if !text.contains("boxed") && !text.contains("\\fbox") {
        return Vec::new();
    }
    let pairs = closing(text);
    let marks = text.match_indices("boxed").chain(text.match_indices("\\fbox"));
    let mut marks: Vec<(usize, &str)> = marks.collect();
    marks.sort_unstable();
    let last = marks.last().map(|(start, _)| *start);
    let mut found = Vec::new();
    for (start, mark) in marks {
        let behind = start + mark.len();
        let space = text[behind..].find(|c: char| !c.is_whitespace());
        let open = space.map_or(text.len(), |space| behind + space);
        if !text[open..].starts_with('{') {
            if mark == "\\fbox" || text[..start].ends_with('\\') {
                let end = short_end(text, open);
                found.push(Found { start, end, content: open..end });
            }
        } else if let Ok(pair) = pairs.binary_search_by_key(&open, |(open, _)| *open) {
            let close = pairs[pair].1;
            found.push(Found { start, end: close + 1, content: open + 1..close });
        } else if Some(start) == last {
            let end = text[open..].find(['\n', '$']).map_or(text.len(), |at| open + at);
            found.push(Found { start, end, content: open + 1..end });
        }
    }
    found.retain(|found| !text[found.content.clone()].trim().is_empty());
    found
}

/// The end of what a box without braces holds.
fn short_end(text: &str, from: usize) -> usize {
    let mut characters = text[from..].char_indices().take(40);
    characters.find(|(_, c)| matches!(c, '$' | '\n' | ' ' | '\\')).map_or(from, |(at, _)| from + at)
}
