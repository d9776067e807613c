//! Numbers and arithmetic in plain text.

use super::Span;

/// All numbers, and all expressions of digits and signs, in order of their place.
pub(super) fn spans(text: &str) -> Vec<Span> {
    let bytes = text.as_bytes();
    let mut spans = Vec::new();
    let (mut at, mut run_end) = (0, 0);
    while let Some(next) = bytes[at..].iter().position(u8::is_ascii_digit) {
        let digit = at + next;
        let start = start_of(text, digit);
        if !may_begin(text, start) {
            at = digit + number_length(&text[digit..]);
            continue;
        }
        if start >= run_end {
            let (expression, end) = arithmetic(text, start);
            spans.extend(expression);
            run_end = end;
        }
        let number = number(text, start, digit);
        at = number.end.max(digit + 1);
        spans.push(number);
    }
    spans
}

/// Where the number's sign, point or opening bracket begins.
fn start_of(text: &str, digit: usize) -> usize {
    let mut start = digit;
    if text[..start].ends_with('.') {
        start -= 1;
    }
    if text[..start].ends_with('-') {
        start -= 1;
    }
    start
}

/// A number does not begin inside a word or another number.
fn may_begin(text: &str, at: usize) -> bool {
    !text[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '\\'))
}

/// The length of digits with separators of thousands and a decimal part.
fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |from: usize| {
        bytes[from.min(bytes.len())..].iter().take_while(|b| b.is_ascii_digit()).count()
    };
    let mut end = digits(0);
    if end <= 3 && !text.starts_with('0') && end > 0 {
        while matches!(bytes.get(end), Some(b',' | b' ')) && digits(end + 1) == 3 {
            end += 4;
        }
    }
    if matches!(bytes.get(end), Some(b'.' | b',')) && digits(end + 1) > 0 {
        end += 1 + digits(end + 1);
    }
    end
}

fn number(text: &str, start: usize, digit: usize) -> Span {
    let length = number_length(&text[digit..]);
    let mut end = digit + length;
    let mut content = format!("{}{}", &text[start..digit], normalized(&text[digit..end]));
    let rest = text[end..].trim_start();
    let marks = ["\\%", "%", "percentage", "percent", "Percent", "pct"];
    if let Some(mark) = marks.into_iter().find(|mark| rest.starts_with(mark)) {
        end = text.len() - rest.len() + mark.len();
        content.push('%');
    }
    Span { start, end, content }
}

/// Without separators of thousands. A comma before decimals stays: comparing reads it either way.
fn normalized(digits: &str) -> String {
    let whole = digits.split_once('.').map_or(digits, |(whole, _)| whole);
    let mut groups = whole.split([',', ' ']);
    let first = groups.next().unwrap_or_default();
    let grouped = first.len() <= 3 && !first.starts_with('0') && groups.all(|g| g.len() == 3);
    if grouped { digits.replace([',', ' '], "") } else { digits.to_owned() }
}

/// Digits joined by signs, such as `(1 + 2)/3`, if what follows ends it; and where such characters end.
fn arithmetic(text: &str, number: usize) -> (Option<Span>, usize) {
    let opened = text[..number].bytes().rev().take_while(|b| *b == b'(').count();
    let start = number - opened;
    let is_part = |c: char| {
        c.is_ascii_digit()
            || matches!(c, '.' | ' ' | '+' | '-' | '*' | '×' | '/' | '^' | '(' | ')' | '÷')
    };
    let length = text[start..].find(|c| !is_part(c)).unwrap_or(text.len() - start);
    let run = text[start..start + length]
        .trim_end_matches([' ', '.', '+', '-', '*', '×', '/', '^', '÷', '(']);
    let has_sign = run.trim_start_matches(['-', '(']).contains(['+', '-', '*', '×', '/', '^', '÷']);
    let end = start + run.len();
    let ends = text[end..]
        .chars()
        .next()
        .is_none_or(|c| c.is_whitespace() || matches!(c, '.' | ',' | ':' | ')' | '$' | '*' | '='));
    let found = has_sign && ends && may_begin(text, start);
    let content = || run.replace('×', "*").replace('÷', "/");
    (found.then(|| Span { start, end, content: content() }), start + length)
}
