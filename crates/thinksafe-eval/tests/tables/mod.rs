//! What must hold of tables for papers: whatever names spell, a cell stays a cell.

/// How many cells a line has, where `separator` without a backslash before it parts them.
fn cells(line: &str, separator: char) -> usize {
    let (mut count, mut escaped) = (1, false);
    for c in line.chars() {
        count += usize::from(c == separator && !escaped);
        escaped = c == '\\' && !escaped;
    }
    count
}

/// Every row of every `tabular` has as many cells as columns, and nothing in it is a command that is not ours.
#[track_caller]
pub(crate) fn assert_latex(text: &str) {
    let mut columns = 0;
    for line in text.lines().filter(|line| !line.starts_with('%')) {
        if let Some(rest) = line.strip_prefix("\\begin{tabular}{") {
            columns = rest.trim_end_matches('}').len();
        } else if let Some(row) = line.strip_suffix(" \\\\") {
            assert_eq!(cells(row, '&'), columns, "{row}");
            for special in ['%', '#', '$', '_'] {
                let ours = row.matches("$-$").count() * if special == '$' { 2 } else { 0 };
                assert_eq!(cells(row, special) - 1, ours, "{special} in {row}");
            }
            for bare in ['<', '>', '|', '"', '^', '~'] {
                assert!(!row.contains(bare), "{bare} in {row}");
            }
        } else {
            let rules = ["", "\\toprule", "\\midrule", "\\bottomrule", "\\end{tabular}"];
            assert!(rules.contains(&line), "{line}");
        }
    }
    assert!(columns > 0, "no table");
}

/// Every row of a table has as many cells as its header, and no HTML is in it.
#[track_caller]
pub(crate) fn assert_markdown(text: &str) {
    let mut columns = None;
    for line in text.lines() {
        assert!(!line.contains('<'), "{line}");
        if line.starts_with('|') {
            let found = cells(line, '|');
            assert_eq!(found, *columns.get_or_insert(found), "{line}");
        } else {
            columns = None;
        }
    }
}
