//! House rules that neither the compiler nor clippy knows.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::metadata::{Member, Workspace};

/// The longest source file, its tests not counted.
const MAX_LINES: usize = 600;

/// The longest numbered example.
const MAX_EXAMPLE_LINES: usize = 150;

/// Checks every manifest and every Rust file of the workspace.
pub(crate) fn check(root: &Path) -> Result<(), Error> {
    let workspace = Workspace::load(root)?;
    let mut findings = Vec::new();
    for member in &workspace.members {
        let manifest = member.dir.join("Cargo.toml");
        let shown = shorten(&manifest, &workspace.root);
        findings.extend(check_manifest(&read(&manifest)?).map(|rule| format!("{shown}: {rule}")));
        for path in sources(member, &workspace)? {
            let shown = shorten(&path, &workspace.root);
            let text = read(&path)?;
            findings.extend(
                check_source(&shown, &text).into_iter().map(|rule| format!("{shown}{rule}")),
            );
        }
    }
    if findings.is_empty() { Ok(()) } else { Err(Error::Findings { check: "tidy", findings }) }
}

fn check_manifest(text: &str) -> Option<&'static str> {
    let mut lines = text.lines().map(str::trim).skip_while(|line| *line != "[lints]");
    let shared = lines.next().is_some() && lines.next() == Some("workspace = true");
    (!shared).then_some("must have `[lints]` with `workspace = true`")
}

/// The rules that a file breaks, each as `:line: rule`.
fn check_source(path: &str, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    if !text.starts_with("//!") {
        findings.push(":1: must begin with `//!`, saying what the module is".to_owned());
    }
    if let Some((what, length, limit)) = too_long(path, text) {
        findings.push(format!(": has {length} lines{what}, more than {limit}"));
    }
    for (index, line) in text.lines().enumerate() {
        findings.extend(check_line(line).map(|rule| format!(":{}: {rule}", index + 1)));
    }
    findings
}

fn check_line(line: &str) -> Option<&'static str> {
    let attribute = line.trim_start().strip_prefix('#')?;
    let attribute = attribute.strip_prefix('!').unwrap_or(attribute);
    if attribute.starts_with("[allow(") {
        return Some("use `#[expect(lint, reason = \"...\")]` in place of `allow`");
    }
    (attribute.starts_with("[ignore]"))
        .then_some("an ignored test says what it needs: `#[ignore = \"needs ...\"]`")
}

fn too_long(path: &str, text: &str) -> Option<(&'static str, usize, usize)> {
    // The numbered examples are the story; what they share lies beside them.
    let example = path.strip_prefix("examples/");
    if example.is_some_and(|name| name.starts_with(|first: char| first.is_ascii_digit())) {
        let length = text.lines().count();
        return (length > MAX_EXAMPLE_LINES).then_some(("", length, MAX_EXAMPLE_LINES));
    }
    let length = if is_test(path) {
        0
    } else {
        text.lines().take_while(|line| *line != "#[cfg(test)]").count()
    };
    (length > MAX_LINES).then_some((" without its tests", length, MAX_LINES))
}

fn is_test(path: &str) -> bool {
    path.split('/').any(|part| part == "tests" || part == "tests.rs" || part.ends_with("_tests.rs"))
}

/// The Rust files of a member, not those of members below it, nor what is built or hidden.
fn sources(member: &Member, workspace: &Workspace) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    let mut folders = vec![member.dir.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(Error::io("read", &folder))? {
            let path = entry.map_err(Error::io("read", &folder))?.path();
            let other = workspace.members.iter().any(|member| member.dir == path);
            let hidden =
                path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
            if path.is_dir()
                && !other
                && !hidden
                && path != workspace.target
                && !path.ends_with("target")
            {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(Error::io("read", path))
}

fn shorten(path: &Path, root: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_rules_are_found_with_their_line() {
        let long = format!("//! Long.\n{}", "fn f() {}\n".repeat(600));
        let example = format!("//! Long.\n{}", "fn f() {}\n".repeat(150));
        let cases = [
            ("a/src/x.rs", "use std::fs;\n", ":1: must begin"),
            ("a/src/x.rs", "//! X.\n#[allow(dead_code)]\n", ":2: use `#[expect"),
            ("a/src/x.rs", "//! X.\n#![allow(dead_code)]\n", ":2: use `#[expect"),
            ("a/src/x.rs", "//! X.\n    #[ignore]\n", ":2: an ignored test"),
            ("a/src/x.rs", &long, ": has 601 lines without its tests"),
            ("examples/01_x.rs", &example, ": has 151 lines"),
        ];
        for (path, text, expected) in cases {
            let findings = check_source(path, text);
            assert_eq!(findings.len(), 1, "{findings:?}");
            assert!(findings[0].starts_with(expected), "{findings:?}");
        }
    }

    #[test]
    fn kept_rules_are_silent() {
        let tested = format!("//! X.\n#[cfg(test)]\nmod tests {{\n{}}}\n", "// line\n".repeat(700));
        let long = format!("//! X.\n{}", "// line\n".repeat(700));
        let cases = [
            ("a/src/x.rs", tested.as_str()),
            ("a/src/x/tests.rs", &long),
            ("a/src/x.rs", "//! X.\n// #[allow(this)] is but talk.\n#[ignore = \"needs a GPU\"]\n"),
        ];
        for (path, text) in cases {
            assert_eq!(check_source(path, text), [""; 0], "{path}");
        }
    }

    #[test]
    fn a_manifest_shares_the_lints() {
        assert_eq!(check_manifest("[package]\n\n[lints]\nworkspace = true\n"), None);
        for text in
            ["[package]\n", "[lints]\n\n[dependencies]\n", "[lints.clippy]\nall = \"warn\"\n"]
        {
            assert!(check_manifest(text).is_some(), "{text}");
        }
    }
}
