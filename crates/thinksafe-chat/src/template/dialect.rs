//! The source of a template, rewritten where transformers' dialect of Jinja differs from the engine's.
//!
//! * `{% generation %}`, which marks what the model wrote, becomes `{% with %}`: like theirs, it only opens a scope.
//! * What is put into a namespace goes through a filter that refuses other namespaces: a value that holds itself would
//!   be compared and written without end.
//! * What `{% for %}` loops over goes through a filter that refuses `none`, as Python does; the engine loops over
//!   nothing.

/// Rewrites a template.
pub(super) fn rewritten(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(start) = rest.find('{') {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let tag = &rest[..tag_len(rest)];
        out.push_str(&replaced(tag));
        rest = &rest[tag.len()..];
        if inner(tag).is_some_and(|(_, name, _)| name == "raw") {
            let end = raw_len(rest);
            out.push_str(&rest[..end]);
            rest = &rest[end..];
        }
    }
    out.push_str(rest);
    out
}

/// The length of the comment, block or expression that the text begins with; 1 for a lone brace.
fn tag_len(text: &str) -> usize {
    let end = match text.as_bytes().get(1) {
        Some(b'#') => return text.find("#}").map_or(text.len(), |at| at + 2),
        Some(b'%') => "%}",
        Some(b'{') => "}}",
        _ => return 1,
    };
    let mut at = 2;
    while let Some(c) = text[at..].chars().next() {
        if text[at..].starts_with(end) {
            return at + 2;
        }
        at += c.len_utf8();
        if c == '"' || c == '\'' {
            at += string_len(&text[at..], c);
        }
    }
    text.len()
}

/// The length of a raw section up to its `endraw` tag.
fn raw_len(text: &str) -> usize {
    let ends = text.match_indices("{%").map(|(at, _)| at);
    let is_end = |at: &usize| {
        let tag = &text[*at..];
        inner(&tag[..tag_len(tag)]).is_some_and(|(_, name, _)| name == "endraw")
    };
    ends.into_iter().find(is_end).unwrap_or(text.len())
}

/// A block's whitespace marks and what is between them.
fn inner(tag: &str) -> Option<(&str, &str, &str)> {
    let body = tag.strip_prefix("{%")?.strip_suffix("%}")?;
    let marks = ['-', '+'];
    let name = body.strip_prefix(marks).unwrap_or(body);
    let left = &body[..body.len() - name.len()];
    let trimmed = name.strip_suffix(marks).unwrap_or(name);
    Some((left, trimmed.trim(), &name[trimmed.len()..]))
}

fn replaced(tag: &str) -> String {
    match inner(tag) {
        Some((left, "generation", right)) => format!("{{%{left} with {right}%}}"),
        Some((left, "endgeneration", right)) => format!("{{%{left} endwith {right}%}}"),
        Some((left, body, right)) => {
            let rewritten = rewritten_loop(body).or_else(|| rewritten_assignment(body));
            rewritten.map_or_else(|| tag.to_owned(), |body| format!("{{%{left} {body}{right}%}}"))
        }
        None => tag.to_owned(),
    }
}

/// A loop's header, with the filter around what it loops over.
fn rewritten_loop(body: &str) -> Option<String> {
    if words(body).next() != Some((0, "for")) {
        return None;
    }
    let (at, _) = words(body).find(|(_, word)| *word == "in")?;
    let start = at + "in".len();
    let ends = |(at, word): &(usize, &str)| *at >= start && matches!(*word, "if" | "recursive");
    let end = words(body).find(ends).map_or(body.len(), |(at, _)| at);
    let (iterated, rest) = (body[start..end].trim(), &body[end..]);
    // What is no expression stays as it is, for the engine to refuse.
    if iterated.is_empty() || !is_balanced(iterated) {
        return None;
    }
    Some(format!("{} ({iterated})|{ITERATED} {rest}", &body[..start]))
}

/// An assignment to a namespace's attribute, with the filter around what is assigned.
fn rewritten_assignment(body: &str) -> Option<String> {
    if words(body).next() != Some((0, "set")) {
        return None;
    }
    let (target, value) = body.split_once('=')?;
    target.contains('.').then(|| format!("{target}= ({})|{HELD}", value.trim()))
}

/// Whether every bracket outside strings is closed, and none before it is opened.
fn is_balanced(text: &str) -> bool {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(c) = text[at..].chars().next() {
        at += c.len_utf8();
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth == 0 => return false,
            ')' | ']' | '}' => depth -= 1,
            '"' | '\'' => at += string_len(&text[at..], c),
            _ => {}
        }
    }
    depth == 0
}

/// The words of an expression that are neither in a string nor in brackets, and where they are.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut depth = 0_usize;
    let mut at = 0;
    std::iter::from_fn(move || {
        while let Some(c) = text[at..].chars().next() {
            let start = at;
            at += c.len_utf8();
            match c {
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth = depth.saturating_sub(1),
                '"' | '\'' => at += string_len(&text[at..], c),
                c if is_word(c) => {
                    let rest = &text[start..];
                    at = start + rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                    if depth == 0 {
                        return Some((start, &text[start..at]));
                    }
                }
                _ => {}
            }
        }
        None
    })
}

/// The length of the rest of a string, its closing quote included.
fn string_len(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The name of the filter around what is put into a namespace.
pub(super) const HELD: &str = "thinksafe_held";
/// The name of the filter around what loops loop over.
pub(super) const ITERATED: &str = "thinksafe_iterated";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_tags_are_replaced() {
        let cases = [
            ("a{%- generation -%}b{%endgeneration+%}", "a{%- with -%}b{% endwith +%}"),
            ("{# {% generation %} #}", "{# {% generation %} #}"),
            ("{{ '{% generation %}' }}", "{{ '{% generation %}' }}"),
            (r#"{{ "\"{% generation %}" }}"#, r#"{{ "\"{% generation %}" }}"#),
            (
                "{% raw %}{% generation %}{% endraw %}{% generation %}",
                "{% raw %}{% generation %}{% endraw %}{% with %}",
            ),
            ("{% set generation = 1 %}{ {", "{% set generation = 1 %}{ {"),
            ("{% unclosed", "{% unclosed"),
            ("{%- for x in y %}", "{%- for x in (y)|thinksafe_iterated %}"),
            (
                "{% for a, b in d['if in'].f(c if d else e) if a in b -%}",
                "{% for a, b in (d['if in'].f(c if d else e))|thinksafe_iterated if a in b-%}",
            ),
            ("{% for x in y.z recursive %}", "{% for x in (y.z)|thinksafe_iterated recursive%}"),
            ("{% for x in %}", "{% for x in %}"),
            ("{% for x in a) + (b %}", "{% for x in a) + (b %}"),
            ("{% set ns.x=a if b == c -%}", "{% set ns.x= (a if b == c)|thinksafe_held-%}"),
            ("{% set x = {'a.b': ns.y} %}", "{% set x = {'a.b': ns.y} %}"),
            ("{% set for_x = 'for a in b' %}", "{% set for_x = 'for a in b' %}"),
        ];
        for (source, expected) in cases {
            assert_eq!(rewritten(source), expected);
        }
    }
}
