//! A small writer of SVG elements.

use std::fmt::Write;

use crate::escape;

/// An SVG image being drawn.
pub(crate) struct Svg {
    width: f64,
    height: f64,
    body: String,
}

/// Where a text's anchor is.
#[derive(Clone, Copy)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

impl Svg {
    pub(crate) fn new(width: f64, height: f64) -> Self {
        Self { width, height, body: String::new() }
    }

    pub(crate) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let [x1, y1, x2, y2] = [from.0, from.1, to.0, to.1].map(coordinate);
        self.push(format_args!(
            "<line class=\"{class}\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>"
        ));
    }

    pub(crate) fn rect(&mut self, class: &str, corner: (f64, f64), size: (f64, f64)) {
        let [x, y, width, height] =
            [corner.0, corner.1, size.0.max(0.0), size.1.max(0.0)].map(coordinate);
        self.push(format_args!(
            "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"/>"
        ));
    }

    pub(crate) fn circle(&mut self, class: &str, centre: (f64, f64), radius: f64) {
        let [x, y, r] = [centre.0, centre.1, radius].map(coordinate);
        self.push(format_args!("<circle class=\"{class}\" cx=\"{x}\" cy=\"{y}\" r=\"{r}\"/>"));
    }

    pub(crate) fn path(&mut self, class: &str, points: &[(f64, f64)]) {
        let mut d = String::new();
        for (i, (x, y)) in points.iter().enumerate() {
            let command = if i == 0 { 'M' } else { 'L' };
            d.push(command);
            d.push_str(&coordinate(*x));
            d.push(' ');
            d.push_str(&coordinate(*y));
        }
        self.push(format_args!("<path class=\"{class}\" d=\"{d}\"/>"));
    }

    /// A text whose baseline begins, is centred, or ends at a point.
    pub(crate) fn text(&mut self, class: &str, at: (f64, f64), anchor: Anchor, text: &str) {
        let [x, y] = [at.0, at.1].map(coordinate);
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = escape(text);
        self.push(format_args!(
            "<text class=\"{class}\" x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{text}</text>"
        ));
    }

    /// A text that runs upwards along the left edge.
    pub(crate) fn upward_text(&mut self, class: &str, at: (f64, f64), text: &str) {
        let [x, y] = [at.0, at.1].map(coordinate);
        let text = escape(text);
        self.push(format_args!(
            "<text class=\"{class}\" transform=\"translate({x} {y}) rotate(-90)\" text-anchor=\"middle\">{text}</text>"
        ));
    }

    /// A row of coloured squares with names, wrapped to the width; returns the height it takes.
    pub(crate) fn legend(&mut self, top: f64, left: f64, entries: &[(String, String)]) -> f64 {
        let (mut x, mut y) = (left, top);
        for (class, name) in entries {
            let name = shorten(name, 48);
            let width = 26.0 + 6.6 * name.chars().count() as f64;
            if x > left && x + width > self.width {
                (x, y) = (left, y + 18.0);
            }
            self.rect(class, (x, y), (10.0, 10.0));
            self.text("label", (x + 15.0, y + 9.5), Anchor::Start, &name);
            x += width;
        }
        if entries.is_empty() { 0.0 } else { y - top + 22.0 }
    }

    /// The element; `label` says to those who cannot see it what it shows.
    pub(crate) fn finish(self, label: &str) -> String {
        let [width, height] = [self.width, self.height].map(coordinate);
        let (label, body) = (escape(label), self.body);
        format!(
            "<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{label}\">{body}</svg>"
        )
    }

    fn push(&mut self, element: std::fmt::Arguments<'_>) {
        self.body.write_fmt(element).expect("writing to a string does not fail");
        self.body.push('\n');
    }
}

/// A text of at most so many characters.
pub(crate) fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let start: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{start}\u{2026}")
}

/// The colour class of a series; there are six.
pub(crate) fn series_class(series: usize) -> String {
    format!("s{}", series % 6)
}

/// A coordinate to a hundredth. Callers draw finite data only; should one slip through, it is drawn at 0.
fn coordinate(value: f64) -> String {
    let value = if value.is_finite() { value } else { 0.0 };
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}
