//! The page: a fixed frame, and fragments whose every piece of data went through [`escape`].

use super::{Report, browser, sections};

/// The whole page.
pub(super) fn page(report: &Report) -> String {
    let body: String = [
        sections::header(report),
        sections::results(report),
        sections::figures(report),
        sections::unscored(report),
        sections::categories(report),
        browser::section(report),
        sections::provenance(report),
    ]
    .concat();
    format!(
        include_str!("page.html"),
        title = escape(&report.title),
        style = include_str!("page.css"),
        body = body
    )
}

/// Text as HTML text or attribute value: it can open no tag, end no attribute, and holds no control character.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(c),
            c if c.is_control() => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn marks_are_escaped() {
        assert_eq!(
            escape("<a href=\"x\">&'\u{0}\n"),
            "&lt;a href=&quot;x&quot;&gt;&amp;&#39;\u{fffd}\n"
        );
    }

    proptest! {
        #[test]
        fn no_text_opens_a_tag_or_ends_an_attribute(text in any::<String>()) {
            let marked = escape(&text).contains(['<', '>', '"', '\'', '\u{0}']);
            prop_assert!(!marked);
        }
    }
}
