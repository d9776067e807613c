//! The page: a fixed frame with a style sheet, and the elements that every page of ours is made of.

use crate::escape;

/// A plot with its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// What it shows.
    pub title: String,
    /// A sentence below the title.
    pub caption: String,
    /// The plot.
    pub svg: String,
}

/// The whole page. `body` is HTML whose every piece of data went through [`escape`].
pub fn page(title: &str, body: &str) -> String {
    format!(
        include_str!("page.html"),
        title = escape(title),
        style = include_str!("page.css"),
        body = body
    )
}

/// A section with figures in two columns; nothing if there are none.
pub fn figures(figures: &[Figure]) -> String {
    match columns(figures).as_str() {
        "" => String::new(),
        columns => format!("<section id=\"figures\"><h2>Figures</h2>{columns}</section>\n"),
    }
}

/// Figures in two columns, for a section of the caller's; nothing if there are none.
pub fn columns(figures: &[Figure]) -> String {
    let figure = |f: &Figure| {
        let [title, caption] = [&f.title, &f.caption].map(|text| escape(text));
        format!(
            "<figure><figcaption><b>{title}</b><span>{caption}</span></figcaption>{}</figure>\n",
            f.svg
        )
    };
    let figures: String = figures.iter().map(figure).collect();
    if figures.is_empty() { figures } else { format!("<div class=\"figures\">{figures}</div>") }
}

/// A list of names with their values.
pub fn facts<'a>(facts: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let row = |(name, value): (&str, &str)| {
        format!("<dt>{}</dt><dd>{}</dd>", escape(name), escape(value))
    };
    let rows: String = facts.into_iter().map(row).collect();
    format!("<dl>{rows}</dl>")
}
