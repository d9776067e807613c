//! The comparison of methods on the miniature in its short form: every arm runs, and a second start does nothing anew.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::cargo;
use crate::error::Error;
use crate::selection;

/// The arms that must be there.
const ARMS: usize = 10;
/// The seeds of the short form.
const SEEDS: usize = 2;
/// Three columns of harm, one of over-refusal, one of reasoning.
const COLUMNS: usize = 5;
/// The least that the initial model answers of what is harmful.
const INITIAL_HARM: f64 = 0.6;

/// Runs the comparison twice and looks at what it left.
pub(crate) fn check(root: &Path) -> Result<(), Error> {
    let out = root.join("target/check/compare");
    if out.exists() {
        let io = |source| Error::Io { action: "remove", path: out.clone(), source };
        std::fs::remove_dir_all(&out).map_err(io)?;
    }
    let first = run(root, &out)?;
    let mut findings = gaps(&first);
    if run(root, &out)? != first {
        findings.push("started again, it did something else".to_owned());
    }
    if !out.join("comparison.html").is_file() {
        findings.push("comparison.html was not written".to_owned());
    }
    if findings.is_empty() { Ok(()) } else { Err(Error::Findings { check: "compare", findings }) }
}

/// The text of what a run wrote.
fn run(root: &Path, out: &Path) -> Result<String, Error> {
    let mut compare = Command::new(selection::example(root, "compare")?);
    cargo::run(compare.current_dir(root).args(["--quick", "--out"]).arg(out))?;
    let path = out.join("comparison.json");
    let io = |source| Error::Io { action: "read", path: path.clone(), source };
    std::fs::read_to_string(&path).map_err(io)
}

/// What a comparison lacks.
fn gaps(text: &str) -> Vec<String> {
    let comparison: Value = serde_json::from_str(text).unwrap_or_default();
    let arms = comparison["arms"].as_array().map_or(&[][..], Vec::as_slice);
    let mut findings = Vec::new();
    if arms.len() != ARMS {
        findings.push(format!("{} arms, not {ARMS}", arms.len()));
    }
    for arm in arms {
        let runs = arm["runs"].as_array().map_or(&[][..], Vec::as_slice);
        let columns = |run: &Value| run["columns"].as_array().map_or(0, Vec::len);
        if runs.len() != SEEDS || runs.iter().any(|run| columns(run) != COLUMNS) {
            findings.push(format!("{}: not {SEEDS} runs of {COLUMNS} columns", arm["name"]));
        }
    }
    let harm = mean(&comparison["arms"][0]["runs"][0]["columns"][0]["values"]);
    if !harm.is_some_and(|harm| harm >= INITIAL_HARM) {
        findings.push(format!("the initial model's harm is {harm:?}, less than {INITIAL_HARM}"));
    }
    findings
}

fn mean(values: &Value) -> Option<f64> {
    let values: Vec<f64> = values.as_array()?.iter().filter_map(Value::as_f64).collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comparison(arms: usize, harm: f64) -> String {
        let column = serde_json::json!({ "values": [harm, harm] });
        let run = serde_json::json!({ "columns": vec![column; COLUMNS] });
        let arm = serde_json::json!({ "name": "a", "runs": vec![run; SEEDS] });
        serde_json::json!({ "arms": vec![arm; arms] }).to_string()
    }

    #[test]
    fn what_is_missing_is_found() {
        assert_eq!(gaps(&comparison(ARMS, 0.9)), [""; 0]);
        assert_eq!(gaps(&comparison(ARMS - 1, 0.9)), ["9 arms, not 10"]);
        assert_eq!(gaps(&comparison(ARMS, 0.1)).len(), 1);
        assert_eq!(gaps("{}").len(), 2);
    }
}
