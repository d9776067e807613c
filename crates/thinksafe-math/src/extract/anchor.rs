//! What introduces an answer: candidates in the order in which they are believed.

use super::{Span, Spans, latex};

/// How far behind "answer" the answer may begin.
pub(super) const NEAR: usize = 50;
/// How far behind "final answer" its "is" may stand, and behind "answer" a last "=".
pub(super) const FAR: usize = 100;

/// "Answer" in other languages; a word of one is no word of another.
const ANSWER: [&str; 34] = [
    "answer",
    "réponse",
    "respuesta",
    "risposta",
    "resposta",
    "antwort",
    "antwoord",
    "svar",
    "vastaus",
    "odpowiedź",
    "odpověď",
    "odpoveď",
    "válasz",
    "răspuns",
    "ответ",
    "відповідь",
    "отговор",
    "одговор",
    "odgovor",
    "απάντηση",
    "cevap",
    "jawaban",
    "jawapan",
    "đáp án",
    "trả lời",
    "jibu",
    "答案",
    "答え",
    "回答",
    "답",
    "الإجابة",
    "الجواب",
    "उत्तर",
    "คำตอบ",
];

/// Candidates by group, the last of a group first.
pub(super) fn groups(text: &str, spans: &Spans) -> Vec<Vec<Span>> {
    let finals = after_final(text, spans);
    let hoped = |span: &Span| {
        let rest = text[span.end..].trim_start_matches(['.', ' ', '*', '$']);
        rest.starts_with("I hope")
    };
    let (hoped, mut stated): (Vec<Span>, Vec<Span>) = finals.into_iter().partition(hoped);
    stated.extend(spans.boxed.clone().map(|boxed| repaired(text, boxed)));
    let anchors = answers(text);
    let with_colon = anchors.iter().filter(|at| text[**at..].starts_with([':', '：']));
    let colon: Vec<Span> = with_colon.flat_map(|at| behind(text, *at, spans)).collect();
    let any: Vec<Span> = anchors.iter().flat_map(|at| behind(text, *at, spans)).collect();
    let all: Vec<Span> = spans.latex.iter().chain(&spans.plain).cloned().collect();
    let mut groups = vec![hoped, stated, colon, any, all];
    for group in &mut groups {
        // The one that ends last first; of those the one that begins first.
        group.sort_by(|a, b| b.end.cmp(&a.end).then(a.start.cmp(&b.start)));
        group.dedup();
    }
    groups
}

/// A box inside of delimiters ends where they do.
fn repaired(text: &str, mut boxed: Span) -> Span {
    let rest = &text[boxed.end..];
    let closing = rest.trim_start_matches([' ', '.']);
    if closing.starts_with(['$', '\\']) {
        boxed.end = text.len() - closing.len() + 1;
    }
    boxed.content = latex::repaired(&boxed.content);
    boxed
}

/// Where each "answer" ends, in all languages.
pub(super) fn answers(text: &str) -> Vec<usize> {
    let mut found = Vec::new();
    let lower = text.to_ascii_lowercase();
    for word in ANSWER {
        if word.is_ascii() {
            found.extend(lower.match_indices(word).map(|(at, _)| at + word.len()));
        } else {
            let mut chars = word.chars();
            let first: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
            let capital = format!("{first}{}", chars.as_str());
            found.extend(text.match_indices(word).map(|(at, _)| at + word.len()));
            if capital != word {
                found.extend(text.match_indices(&capital).map(|(at, _)| at + capital.len()));
            }
        }
    }
    found.sort_unstable();
    found
}

/// Where the "is" of each "final answer ... is" ends.
pub(super) fn finals(text: &str) -> Vec<usize> {
    let lower = text.to_ascii_lowercase();
    let is = |(at, mark): (usize, &str)| {
        let from = at + mark.len();
        let found = text[from..within(text, from, FAR)].find(" is")?;
        Some(from + found + 3)
    };
    lower.match_indices("final answer").filter_map(is).collect()
}

/// What stands directly behind an "is" that belongs to "final answer".
fn after_final(text: &str, spans: &Spans) -> Vec<Span> {
    let lower = text.to_ascii_lowercase();
    let mut found = Vec::new();
    for (at, mark) in lower.match_indices("final answer") {
        let from = at + mark.len();
        let window = &text[from..within(text, from, FAR)];
        for (is, _) in window.match_indices("is") {
            let place = from + is + 2;
            let separate = text[..from + is].ends_with(char::is_whitespace);
            if let Some(span) = directly_at(text, place, spans).filter(|_| separate) {
                found.push(span);
                break;
            }
        }
    }
    found
}

/// The candidate that begins here, past white space, `:`, `*` and currency.
fn directly_at(text: &str, place: usize, spans: &Spans) -> Option<Span> {
    let rest =
        text[place..].trim_start_matches(|c: char| c.is_whitespace() || matches!(c, ':' | '*'));
    let at = text.len() - rest.len();
    let money = rest.trim_start_matches(['$', '€', '£', '¥', '₹']);
    let number = text.len() - money.len();
    starting(&spans.latex, at)
        .or_else(|| longest(&spans.plain, at))
        .or_else(|| longest(&spans.plain, number))
        .cloned()
}

fn starting(spans: &[Span], at: usize) -> Option<&Span> {
    spans.binary_search_by_key(&at, |span| span.start).ok().map(|found| &spans[found])
}

fn longest(spans: &[Span], at: usize) -> Option<&Span> {
    let from = spans.partition_point(|span| span.start < at);
    spans[from..].iter().take_while(|span| span.start == at).max_by_key(|span| span.end)
}

/// The first candidates that begin near an anchor; for plain numbers, rather the one behind the last "=".
fn behind(text: &str, anchor: usize, spans: &Spans) -> Vec<Span> {
    let near = within(text, anchor, NEAR);
    let first = |list: &[Span]| {
        let from = list.partition_point(|span| span.start < anchor);
        list[from..].first().filter(|span| span.start <= near).cloned()
    };
    let window = within(text, anchor, FAR);
    let line = text[anchor..window].find('\n').map_or(window, |at| anchor + at);
    let equals = text[anchor..line].rmatch_indices('=').find_map(|(at, _)| {
        let rest = text[anchor + at + 1..].trim_start();
        longest(&spans.plain, text.len() - rest.len())
    });
    let plain = equals.cloned().or_else(|| {
        let span = first(&spans.plain).filter(|span| span.start <= line)?;
        longest(&spans.plain, span.start).cloned()
    });
    first(&spans.latex).into_iter().chain(plain).collect()
}

/// The offset so many characters further on, or the end.
pub(super) fn within(text: &str, from: usize, characters: usize) -> usize {
    text[from..].char_indices().nth(characters).map_or(text.len(), |(at, _)| from + at)
}
