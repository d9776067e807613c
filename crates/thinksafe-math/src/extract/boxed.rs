//! `\boxed{...}`, however deep and however damaged.

use super::Span;

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

/// All boxes in order of their beginning. One pass finds which braces belong together.
fn boxes(text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    if !text.contains("boxed") && !text.contains("\\fbox") {
        return found;
    }
    let pairs = closing_braces(text);
    let marks = text.match_indices("boxed").chain(text.match_indices("\\fbox"));
    let mut marks: Vec<(usize, &str)> = marks.collect();
    marks.sort_unstable();
    for (start, mark) in marks {
        let behind = start + mark.len();
        let open = text.len() - text[behind..].trim_start().len();
        if text[open..].starts_with('{') {
            match pairs.binary_search_by_key(&open, |(open, _)| *open) {
                Ok(pair) => {
                    let close = pairs[pair].1;
                    found.push(Found { start, end: close + 1, content: open + 1..close });
                }
                // Cut off: what is there counts, if it is the last.
                Err(_) => {
                    let end = line_end(text, open);
                    found.push(Found { start, end, content: open + 1..end });
                }
            }
        } else if mark == "boxed" && text[..start].ends_with('\\') {
            let end = text[open..].find(['$', '\n', ' ']).map_or(text.len(), |at| open + at);
            found.push(Found { start, end, content: open..end });
        }
    }
    found.retain(|found| !text[found.content.clone()].trim().is_empty());
    found
}

fn line_end(text: &str, from: usize) -> usize {
    text[from..].find(['\n', '$']).map_or(text.len(), |at| from + at)
}

/// Every `{` that is closed, with the offset of its `}`, in order; escaped braces are text.
fn closing_braces(text: &str) -> Vec<(usize, usize)> {
    let (mut open, mut pairs, mut escaped) = (Vec::new(), Vec::new(), false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' | b'}' if escaped => escaped = false,
            b'\\' => escaped = !escaped,
            b'{' => open.push(at),
            b'}' => pairs.extend(open.pop().map(|from| (from, at))),
            _ => escaped = false,
        }
    }
    pairs.sort_unstable();
    pairs
}
