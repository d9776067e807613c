//! Dataset files, good and bad.

use serde_json::{Value, json};

use super::*;

fn row() -> Value {
    json!({
        "version": 2,
        "instruction": "ask",
        "response": "<think>\nweigh\n</think>\n\nfine",
        "thinking": "weigh",
        "answer": "fine",
        "prompt_label": "vanilla_harmful",
        "response_label": "safe",
    })
}

fn read(text: &str) -> Result<Dataset, Error> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("dataset.jsonl");
    std::fs::write(&path, text).unwrap();
    Dataset::read(path)
}

#[test]
fn a_dataset_reads_back_as_it_was_written() {
    let dataset = read(&format!("{}\n{}", row(), row())).unwrap();
    assert_eq!(dataset.rows().len(), 2);
    assert_eq!(dataset.rows()[0].trace().answer, "fine");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("dataset.jsonl");
    dataset.write(&path).unwrap();
    let again = Dataset::read(&path).unwrap();
    assert_eq!(again, dataset);
    assert_eq!(again.hash(), dataset.hash());
}

#[test]
fn each_broken_row_is_named_with_its_line() {
    let with = |field: &str, value: Value| {
        let mut row = row();
        row[field] = value;
        row.to_string()
    };
    let without = |field: &str| {
        let mut row = row();
        row.as_object_mut().unwrap().remove(field);
        row.to_string()
    };
    let cases = [
        (with("version", json!(1)), "dataset row of version 1, expected version 2"),
        (with("instruction", json!(" ")), "field `instruction` is blank"),
        (with("answer", json!("")), "field `answer` is blank"),
        (with("answer", json!("other")), "field `answer` is not the end of `response`"),
        (with("thinking", json!("other")), "field `thinking` is not in `response`"),
        (with("thinking", json!("fine")), "field `thinking` is not in `response`"),
        (with("prompt_label", json!("harmful")), "not a valid dataset row"),
        (with("response_label", json!("Safe")), "not a valid dataset row"),
        (with("more", json!(1)), "not a valid dataset row"),
        (without("version"), "not a valid dataset row"),
        (without("answer"), "not a valid dataset row"),
        ("{\"version\": 1".to_owned(), "not a valid dataset row"),
        (String::new(), "not a valid dataset row"),
        ("[]".to_owned(), "not a valid dataset row"),
    ];
    for (line, expected) in cases {
        let error = read(&format!("{}\n{line}\n{}", row(), row())).unwrap_err().to_string();
        assert!(error.contains(&format!("dataset.jsonl:2: {expected}")), "{line}: {error}");
    }
}

#[test]
fn an_empty_or_missing_file_is_an_error() {
    assert!(read("").unwrap_err().to_string().ends_with("dataset.jsonl holds no rows"));
    let error = Dataset::read("no/such.jsonl").unwrap_err().to_string();
    assert_eq!(error, "cannot read no/such.jsonl");
}
