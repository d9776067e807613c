//! The message's template: text with `{{name}}` in it.

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    Text(&'a str),
    Name(&'a str),
}

/// Splits a template. Single braces are text, so that `\boxed{}` is; a `{{` that is not closed is text as well.
pub(super) fn pieces(template: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = template;
    while let Some((before, inner)) = rest.split_once("{{") {
        let Some((name, after)) = inner.split_once("}}") else { break };
        pieces.extend([Piece::Text(before), Piece::Name(name.trim())]);
        rest = after;
    }
    pieces.push(Piece::Text(rest));
    pieces
}

/// Puts values in for names.
///
/// # Errors
/// What `value` returns.
pub(super) fn render<E>(
    template: &str,
    mut value: impl FnMut(&str) -> Result<String, E>,
) -> Result<String, E> {
    let mut text = String::new();
    for piece in pieces(template) {
        match piece {
            Piece::Text(piece) => text.push_str(piece),
            Piece::Name(name) => text.push_str(&value(name)?),
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_double_braces() {
        let upper = |name: &str| Ok::<_, ()>(name.to_uppercase());
        let cases = [
            (r"\boxed{}. {{a}}", r"\boxed{}. A"),
            ("{{ a b }}{{c}}", "A BC"),
            ("none { } }}", "none { } }}"),
            ("open {{a", "open {{a"),
            ("", ""),
        ];
        for (template, expected) in cases {
            assert_eq!(render(template, upper).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn a_value_is_not_a_template() {
        let text = render("{{a}} {{b}}", |_| Ok::<_, ()>("{{a}}".to_owned()));
        assert_eq!(text.as_deref(), Ok("{{a}} {{a}}"));
    }
}
