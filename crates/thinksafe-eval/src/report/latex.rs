//! Tables for papers.

use super::table::Table;

/// A table as a `tabular` with the rules of `booktabs`, numbers to the right.
pub(crate) fn tabular(table: &Table) -> String {
    let cell = |(column, text): (usize, &String)| {
        if column < table.words { escape(text) } else { number(text) }
    };
    let line = |row: &Vec<String>| row.iter().enumerate().map(cell).collect();
    let columns = (0..table.header.len()).map(|c| if c < table.words { 'l' } else { 'r' });
    let header = table.header.iter().map(|name| escape(name)).collect();
    layout(&columns.collect::<String>(), header, table.rows.iter().map(line).collect())
}

/// A `tabular` of cells that are LaTeX already.
pub(super) fn layout(columns: &str, header: Vec<String>, rows: Vec<Vec<String>>) -> String {
    let line = |cells: Vec<String>| format!("{} \\\\\n", cells.join(" & "));
    let body: String = rows.into_iter().map(line).collect();
    let header = line(header);
    format!(
        "\\begin{{tabular}}{{{columns}}}\n\\toprule\n{header}\\midrule\n{body}\\bottomrule\n\\end{{tabular}}\n"
    )
}

/// A number whose minus sign is one, and no hyphen.
fn number(text: &str) -> String {
    if text == "-" { "--".to_owned() } else { escape(text).replace('-', "$-$") }
}

/// Text that LaTeX takes for nothing else, on one line.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => escaped.push_str(r"\textbackslash{}"),
            '^' => escaped.push_str(r"\textasciicircum{}"),
            '~' => escaped.push_str(r"\textasciitilde{}"),
            '<' => escaped.push_str(r"\textless{}"),
            '>' => escaped.push_str(r"\textgreater{}"),
            '|' => escaped.push_str(r"\textbar{}"),
            '"' => escaped.push_str("''"),
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => escaped.extend(['\\', c]),
            // At the start of a row `[` would be an argument of the line break before it.
            '[' | ']' => escaped.extend(['{', c, '}']),
            c if c.is_whitespace() => escaped.push(' '),
            c if c.is_control() => {}
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_special_character_is_escaped() {
        let specials = r#"a\b_{50%} & $x^2$ ~ #1 <|"|> [y]"#;
        let expected = r"a\textbackslash{}b\_\{50\%\} \& \$x\textasciicircum{}2\$ \textasciitilde{} \#1 \textless{}\textbar{}''\textbar{}\textgreater{} {[}y{]}";
        assert_eq!(escape(specials), expected);
        assert_eq!(escape("two\r\nlines\u{7}"), "two  lines");
    }

    #[test]
    fn a_table_has_words_left_and_numbers_right() {
        let strings = |row: [&str; 3]| row.map(str::to_owned).to_vec();
        let table = Table {
            header: strings(["a_b", "%", "n"]),
            rows: vec![strings(["x-y", "-1.0 [-2.0, <0.1]", "-"])],
            words: 1,
        };
        let expected = "\\begin{tabular}{lrr}\n\\toprule\na\\_b & \\% & n \\\\\n\\midrule\n\
            x-y & $-$1.0 {[}$-$2.0, \\textless{}0.1{]} & -- \\\\\n\\bottomrule\n\\end{tabular}\n";
        assert_eq!(tabular(&table), expected);
    }
}
