//! Which braces belong together.

/// Every `{` that is closed, with the offset of its `}`, in order; escaped braces are text. One pass.
pub(crate) fn closing(text: &str) -> Vec<(usize, usize)> {
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

#[cfg(test)]
mod tests {
    use super::closing;

    #[test]
    fn only_what_is_closed_and_not_escaped() {
        assert_eq!(closing(r"{a{b}}"), [(0, 5), (2, 4)]);
        assert_eq!(closing(r"{{a}"), [(1, 3)]);
        assert_eq!(closing(r"\{a\}"), []);
        assert_eq!(closing(r"\\{a}"), [(2, 4)]);
    }
}
