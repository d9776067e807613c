//! The program on folders of cases: ours pass, broken ones are seen.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::process::Command;

fn run(dir: &Path) -> (bool, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_thinksafe-conformance")).arg(dir).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

/// A folder with one template that greets, and the given case files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("templates")).unwrap();
    let template = "{% if not messages %}{{ raise_exception('nobody') }}{% endif %}Hi {{ messages[0].content }}";
    std::fs::write(dir.path().join("templates/hi.jinja"), template).unwrap();
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

/// A case of the greeting template.
fn case(messages: &str, outcome: &str) -> String {
    format!(
        "{{\"template_file\":\"templates/hi.jinja\",\"name\":\"greet\",\"messages\":{messages},\
         \"add_generation_prompt\":false,\"kwargs\":{{}},\"now\":\"2025-01-15T12:00:00\",{outcome}}}\n"
    )
}

#[test]
fn the_repositorys_own_cases_pass() {
    let (success, text) = run(&Path::new(env!("CARGO_MANIFEST_DIR")).join("cases"));
    assert!(success, "{text}");
    for file in ["templates.jsonl", "expressions.jsonl"] {
        let line = text.lines().find(|line| line.starts_with(file)).unwrap();
        let (passed, total) = line.rsplit(' ').next().unwrap().split_once('/').unwrap();
        assert_eq!(passed, total, "{line}");
        assert!(total.parse::<usize>().unwrap() > 100, "{line}");
    }
}

#[test]
fn files_are_told_apart_by_their_fields() {
    let cases = case("[{\"content\":\"you\"}]", "\"expected\":\"Hi you\"")
        + &case("[]", "\"expected\":null,\"error\":\"TemplateError: nobody\"");
    let dir = folder(&[
        ("any name.jsonl", &cases),
        ("other.jsonl", "{\"prediction\":1}\n"),
        ("x.json", "{"),
    ]);
    let (success, text) = run(dir.path());
    assert!(success, "{text}");
    assert!(text.contains("any name.jsonl 2/2"), "{text}");
    assert!(text.contains("other.jsonl skipped"), "{text}");
}

#[test]
fn every_mismatch_is_reported_and_fails() {
    let you = "[{\"content\":\"you\"}]";
    let cases = [
        case(you, "\"expected\":\"Hi me\""),
        case(you, "\"error\":\"TemplateError: nobody\""),
        case("[]", "\"expected\":\"Hi\""),
        case("[]", "\"error\":\"TemplateError: somebody\""),
        case("[]", "\"error\":\"TypeError: x\""),
        case(you, "\"expected\":\"Hi you\"").replace("hi.jinja", "none.jinja"),
        case(you, "\"expected\":\"Hi you\"").replace("\"kwargs\":{}", "\"kwargs\":3"),
        "{\"tokenizer\":\"none\",\"text\":\"a\",\"add_special_tokens\":false,\"ids\":[1]}\n"
            .to_owned(),
        "{}\n".to_owned(),
    ];
    let dir = folder(&[("bad.jsonl", &cases.concat())]);
    let (success, text) = run(dir.path());
    assert!(!success, "{text}");
    assert!(text.contains("bad.jsonl 0/9"), "{text}");
    assert!(text.contains("differs at character 3"), "{text}");
    for line in 1..=9 {
        assert!(text.contains(&format!("  line {line}: ")), "{line}: {text}");
    }
}

#[test]
fn no_case_is_a_failure() {
    for dir in [folder(&[]), folder(&[("other.jsonl", "{\"prediction\":1}\n")])] {
        let (success, text) = run(dir.path());
        assert!(!success && text.contains("no case found"), "{text}");
    }
    assert!(!run(Path::new("/nonexistent")).0);
}

/// All golden cases of the reference formats.
#[test]
#[ignore = "needs THINKSAFE_ASSETS"]
fn the_assets_pass() {
    let dir = std::env::var_os("THINKSAFE_ASSETS").expect("THINKSAFE_ASSETS is set");
    let (success, text) = run(Path::new(&dir));
    assert!(success, "{text}");
}
