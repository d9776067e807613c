//! Answers compared: `prediction`, `reference`, `mode`, `opts` → `expected` equality.

use serde::Deserialize;
use serde_json::{Map, Value};
use thinksafe_math::{Comparison, Finder, Verdict, choice, grade, skythought};

use crate::case::Outcome;

#[derive(Deserialize)]
struct Case {
    #[serde(default)]
    source: String,
    prediction: String,
    reference: String,
    expected: bool,
    mode: String,
    #[serde(default)]
    opts: Option<Map<String, Value>>,
}

pub(crate) fn run(fields: Value) -> (String, Outcome) {
    match serde_json::from_value::<Case>(fields) {
        Ok(case) => (case.source.clone(), check(&case)),
        Err(error) => ("?".to_owned(), Outcome::Failed(error.to_string())),
    }
}

fn check(case: &Case) -> Outcome {
    let empty = Map::new();
    let options = case.opts.as_ref().unwrap_or(&empty);
    let found = match case.mode.as_str() {
        "math_equal" => Ok(describe(skythought::equal(&case.prediction, &case.reference))),
        "extract_prediction_then_compare" => by_handler(case, options),
        "extract_both_then_compare" => by_extraction(case, options),
        mode => Err(format!("unknown mode {mode:?}")),
    };
    match found {
        Ok((equal, _)) if equal == case.expected => Outcome::Passed,
        Ok((_, found)) => Outcome::Failed(format!(
            "expected {}, found {found}\n    prediction {:?}\n    reference  {:?}",
            describe(case.expected).1,
            end_of(&case.prediction),
            end_of(&case.reference),
        )),
        Err(reason) => Outcome::Failed(reason),
    }
}

fn describe(equal: bool) -> (bool, String) {
    (equal, if equal { "equal" } else { "different" }.to_owned())
}

fn end_of(text: &str) -> &str {
    let start = text.char_indices().rev().nth(99).map_or(0, |(at, _)| at);
    &text[start..]
}

/// SkyThought's tasks, each with rules of its own.
fn by_handler(case: &Case, options: &Map<String, Value>) -> Result<(bool, String), String> {
    let handler = options.get("handler").and_then(Value::as_str).unwrap_or_default();
    let (response, reference) = (case.prediction.as_str(), case.reference.as_str());
    let solution = options
        .get("problem")
        .and_then(|p| p.get("answer"))
        .and_then(Value::as_str)
        .unwrap_or(reference);
    let letter = |found: Option<String>| found.as_deref() == Some(reference);
    let task = handler.trim_start_matches("tasks/test_").trim_end_matches(".py");
    Ok(describe(match task {
        "math" | "aime" | "amc23" | "minervamath" | "olympiadbench" => {
            skythought::math(response, reference)
        }
        "numina" => skythought::math(response, &skythought::extract(solution)),
        "gsm8k" => skythought::gsm8k(response, solution),
        "gpqa" | "gpqa_diamond" | "mmlu" => skythought::gpqa(response, reference),
        "mmlu_pro" => letter(skythought::mmlu_pro(response)),
        "arc" | "arc_c" => letter(skythought::arc(response)),
        _ => return Err(format!("unknown handler {handler:?}")),
    }))
}

/// Both texts are searched, for what the suite searches.
fn by_extraction(case: &Case, options: &Map<String, Value>) -> Result<(bool, String), String> {
    let types: Vec<&str> = match options.get("match_types").and_then(Value::as_array) {
        Some(types) => types.iter().filter_map(Value::as_str).collect(),
        None => vec!["latex", "expr"],
    };
    if types == ["NativeLetters"] {
        let (prediction, reference) = (choice(&case.prediction), choice(&case.reference));
        let equal = prediction.is_some() && prediction == reference;
        return Ok((equal, format!("{prediction:?} and {reference:?}")));
    }
    let finder = match types.as_slice() {
        ["latex"] => Finder { latex: true, plain: false },
        ["expr"] => Finder { latex: false, plain: true },
        ["latex", "expr"] | ["expr", "latex"] => Finder::default(),
        other => return Err(format!("unknown match types {other:?}")),
    };
    let comparison = comparison(options)?;
    let graded = grade(&case.prediction, &case.reference, finder, &comparison);
    let equal = graded.verdict == Verdict::Equal;
    Ok((equal, format!("{:?} with {:?}", graded.verdict, graded.answer)))
}

fn comparison(options: &Map<String, Value>) -> Result<Comparison, String> {
    // Math-Verify's own default.
    let mut comparison = Comparison { inequalities_as_sets: false, ..Comparison::default() };
    for (name, value) in options {
        match (name.as_str(), value) {
            ("precision", Value::Number(n)) => {
                let decimals = n.as_u64().and_then(|n| u32::try_from(n).ok());
                comparison.decimals = decimals.ok_or_else(|| format!("`precision` is {n}"))?;
            }
            ("allow_set_relation_comp", Value::Bool(allow)) => {
                comparison.inequalities_as_sets = *allow;
            }
            // Anchors of all languages are looked for at once.
            ("match_types" | "language", _) => {}
            _ => return Err(format!("unknown option `{name}`: {value}")),
        }
    }
    Ok(comparison)
}
