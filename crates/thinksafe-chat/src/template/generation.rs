//! `{% generation %}`, the mark that transformers' templates put around what the model wrote.

/// Replaces the pair of tags by `{% with %}`: like theirs, it only opens a scope.
pub(super) fn as_with_blocks(source: &str) -> String {
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
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(2) {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if text[at..].starts_with(end) => return at + 2,
            None if c == '"' || c == '\'' => quote = Some(c),
            None => {}
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
        _ => tag.to_owned(),
    }
}

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
        ];
        for (source, expected) in cases {
            assert_eq!(as_with_blocks(source), expected);
        }
    }
}
