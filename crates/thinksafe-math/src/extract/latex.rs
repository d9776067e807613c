//! Mathematics between delimiters.

use super::{Span, boxed};

/// How many expressions joined by "and" or commas make one answer.
const MAX_JOINED: usize = 6;

/// Everything between `$`, `$$`, `\(` and `\[`; those joined by commas, "and" or "or" also as one.
pub(super) fn spans(text: &str) -> Vec<Span> {
    let raw = delimited(text);
    let mut joined = Vec::with_capacity(raw.len());
    let mut at = 0;
    while at < raw.len() {
        let mut last = at;
        while last + 1 < raw.len()
            && last + 1 - at < MAX_JOINED
            && is_joint(&text[raw[last].end..raw[last + 1].start])
        {
            last += 1;
        }
        let content: Vec<&str> = raw[at..=last].iter().map(|s| s.content.as_str()).collect();
        joined.push(Span { start: raw[at].start, end: raw[last].end, content: content.join(",") });
        at = last + 1;
    }
    joined
}

fn is_joint(between: &str) -> bool {
    matches!(between.trim(), "," | "and" | "or" | ",and" | ",or" | ", and" | ", or")
}

fn delimited(text: &str) -> Vec<Span> {
    let mut scanner = Scanner { text, at: 0, exhausted: [false; 4] };
    let mut spans = Vec::new();
    while let Some(next) = text[scanner.at..].find(['$', '\\', '[']) {
        scanner.at += next;
        match scanner.environment().or_else(|| scanner.undelimited()) {
            Some(span) => {
                scanner.at = span.end;
                spans.push(percent(text, span));
            }
            // An escaped character is passed over with its backslash.
            None => scanner.at += escaped_length(&text[scanner.at..]),
        }
    }
    spans
}

fn escaped_length(rest: &str) -> usize {
    let mut chars = rest.chars();
    let first = chars.next().map_or(0, char::len_utf8);
    if rest.starts_with('\\') { first + chars.next().map_or(0, char::len_utf8) } else { first }
}

/// `$28$ %` and `$28$ percent` are percentages.
fn percent(text: &str, mut span: Span) -> Span {
    let rest = text[span.end..].trim_start();
    let marks = ["\\%", "%", "percent", "Percent", "pct"];
    if let Some(mark) = marks.into_iter().find(|mark| rest.starts_with(mark)) {
        span.end = text.len() - rest.len() + mark.len();
        span.content.push_str("\\%");
    }
    span
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    /// Closing delimiters of which no more come: searching again would make scanning quadratic.
    exhausted: [bool; 4],
}

impl Scanner<'_> {
    /// The environment that begins here, with its content cleaned.
    fn environment(&mut self) -> Option<Span> {
        let rest = &self.text[self.at..];
        let (kind, open, close) = if rest.starts_with("$$") {
            (0, "$$", "$$")
        } else if rest.starts_with("\\[") {
            (1, "\\[", "\\]")
        } else if rest.starts_with("\\(") {
            (2, "\\(", "\\)")
        } else if rest.starts_with('$') && !self.behind_digit() {
            (3, "$", "$")
        } else {
            return None;
        };
        if self.exhausted[kind] {
            return None;
        }
        let from = self.at + open.len();
        let Some(length) = closing(&self.text[from..], close) else {
            // `$` is looked for on one line only, so that others may come.
            self.exhausted[kind] = kind != 3;
            return None;
        };
        let content = &self.text[from..from + length];
        if content.trim().is_empty() {
            return None;
        }
        let end = from + length + close.len();
        Some(Span { start: self.at, end, content: cleaned(content) })
    }

    /// What stands without its delimiters: `\frac{1}{2}` of numbers, and `[ \pi ]` that was `\[ \pi \]`.
    fn undelimited(&self) -> Option<Span> {
        let rest = &self.text[self.at..];
        if let Some(bracketed) = rest.strip_prefix('[') {
            let length = bracketed.find(['[', ']', '\n'])?;
            let (content, behind) = bracketed.split_at(length);
            let apart = self.text[..self.at].chars().next_back().is_none_or(char::is_whitespace)
                && behind[1..].chars().next().is_none_or(char::is_whitespace);
            let end = self.at + length + 2;
            return (apart && behind.starts_with(']') && content.contains('\\')).then(|| Span {
                start: self.at,
                end,
                content: cleaned(content),
            });
        }
        let fraction = rest.strip_prefix("\\frac{")?;
        let is_part = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',' | '-');
        let above = fraction.trim_start_matches(is_part);
        let below = above.strip_prefix("}{")?.trim_start_matches(is_part);
        let behind = below.strip_prefix('}')?;
        let start = self.at - usize::from(self.text[..self.at].ends_with('-'));
        let end = self.text.len() - behind.len();
        Some(Span { start, end, content: self.text[start..end].to_owned() })
    }

    /// `5$` is money.
    fn behind_digit(&self) -> bool {
        self.text[..self.at].ends_with(|c: char| c.is_ascii_digit())
    }
}

/// The offset of a closing delimiter that is not escaped; a single `$` closes on the same line.
fn closing(text: &str, close: &str) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + text[from..].find(['$', '\\', '\n'])?;
        let rest = &text[at..];
        if rest.starts_with(close) {
            return Some(at);
        }
        if rest.starts_with('\n') {
            if close == "$" {
                return None;
            }
            from = at + 1;
        } else {
            from = at + escaped_length(rest);
        }
    }
}

/// What is boxed inside, if anything; commands with doubled backslashes repaired outside of matrices.
fn cleaned(content: &str) -> String {
    let inner = boxed::last_group(content).map_or_else(|| content.trim().to_owned(), |b| b.content);
    repaired(&inner)
}

/// `\\frac` is `\frac` where no rows are.
pub(super) fn repaired(content: &str) -> String {
    if content.contains("\\begin") || !content.contains("\\\\") {
        return content.to_owned();
    }
    let mut result = String::with_capacity(content.len());
    let mut rest = content;
    while let Some(at) = rest.find("\\\\") {
        result.push_str(&rest[..at]);
        rest = &rest[at + 2..];
        result.push_str(if rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
            "\\"
        } else {
            "\\\\"
        });
    }
    result.push_str(rest);
    result
}
