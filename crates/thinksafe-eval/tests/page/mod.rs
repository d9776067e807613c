//! What must hold of every page: it asks nobody, runs nothing, is well formed, and hides what is folded.

/// Attributes by which a browser loads or runs something.
const LOADING: [&str; 9] =
    ["src", "href", "srcset", "action", "data", "poster", "background", "formaction", "style"];

/// Elements that do so whatever their attributes are.
const ACTIVE: [&str; 9] =
    ["script", "link", "img", "iframe", "object", "embed", "base", "form", "video"];

/// A tag of a page, and the text behind it.
struct Part<'a> {
    name: &'a str,
    attributes: &'a str,
    closes: bool,
    text: &'a str,
}

fn parts(page: &str) -> impl Iterator<Item = Part<'_>> {
    page.split('<').skip(1).map(|part| {
        let (tag, text) = part.split_once('>').expect("a tag ends");
        let closes = tag.starts_with('/');
        let tag = tag.trim_start_matches('/');
        let (name, attributes) = tag.split_once([' ', '\n', '/']).unwrap_or((tag, ""));
        Part { name, attributes, closes, text }
    })
}

/// The page makes no request and runs no script: no element or attribute loads, no style refers to another file, and its
/// policy forbids both.
#[track_caller]
pub(crate) fn assert_inert(page: &str) {
    for Part { name, attributes, .. } in parts(page) {
        assert!(!ACTIVE.contains(&name), "{name}");
        // Between quotes are values; what is left are the names.
        for key in attributes.split('"').step_by(2).flat_map(str::split_whitespace) {
            let key = key.trim_end_matches('=').to_ascii_lowercase();
            let loads =
                LOADING.contains(&key.as_str()) || key.starts_with("on") || key.contains(':');
            assert!(!loads, "{name}: {key}");
        }
        for address in ["http:", "https:", "//", "javascript:"] {
            assert!(!attributes.contains(address), "{name}: {attributes}");
        }
    }
    let style = page.split("<style>").nth(1).and_then(|rest| rest.split("</style>").next());
    for loads in ["url(", "@import", "http", "image-set"] {
        assert!(!style.expect("a style sheet").contains(loads), "{loads}");
    }
    assert!(page.contains("Content-Security-Policy\" content=\"default-src 'none'"));
    assert!(!page.contains("NaN"));
}

/// Every element is closed, in order.
#[track_caller]
pub(crate) fn assert_well_formed(page: &str) {
    let mut open: Vec<&str> = Vec::new();
    for Part { name, attributes, closes, .. } in parts(page) {
        if closes {
            assert_eq!(open.pop(), Some(name), "{name} {attributes}");
        } else if !(attributes.ends_with('/') || ["meta", "!DOCTYPE", "br"].contains(&name)) {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

/// The text that a reader sees before opening anything, with or without scripts.
#[track_caller]
pub(crate) fn visible(page: &str) -> String {
    assert!(!page.contains("<details open"), "a fold begins open");
    let (mut folds, mut in_summary, mut visible) = (0, false, String::new());
    for Part { name, closes, text, .. } in parts(page) {
        match (name, closes) {
            ("details", false) => folds += 1,
            ("details", true) => folds -= 1,
            ("summary", closes) => in_summary = !closes,
            _ => {}
        }
        if folds == 0 || (folds == 1 && in_summary) {
            visible.push_str(text);
        }
    }
    visible
}
