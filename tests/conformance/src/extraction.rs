//! Answers found and normalised: `fn`, `input`, `opts` → `expected`.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use thinksafe_math::{first_of, hendrycks, last_boxed, skythought};

use crate::case::Outcome;

#[derive(Deserialize)]
struct Case {
    #[serde(default)]
    source: String,
    r#fn: String,
    input: Value,
    expected: Value,
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
    if case.r#fn == "generate_prompt" {
        return Outcome::Skipped("a prompt of the suite's own test, and no answer".to_owned());
    }
    let Some(input) = case.input.as_str() else {
        return Outcome::Failed(format!("the input is no text: {}", case.input));
    };
    let found = match case.r#fn.as_str() {
        "strip_answer_string" => json!(skythought::strip(input)),
        "extract_answer" => json!(skythought::extract(input)),
        "get_multiple_choice_answer" => json!(skythought::multiple_choice(input)),
        "choice_answer_clean" => json!(skythought::clean_choice(input)),
        "mmlu_pro_extract_answer" => json!(skythought::mmlu_pro(input)),
        "strip_string" => json!(hendrycks::strip(input)),
        "is_equiv" | "hendrycks_is_equiv" => return two(case, hendrycks::equal),
        "remove_boxed" => json!(last_boxed(input)),
        "last_boxed_only_string" => json!(last_boxed(input).map(|b| format!("\\boxed{{{b}}}"))),
        "math_verify.parse(StringExtractionConfig)" => strings(input, case.opts.as_ref()),
        function => return Outcome::Failed(format!("unknown function `{function}`")),
    };
    if found == case.expected {
        Outcome::Passed
    } else {
        Outcome::Failed(format!("expected {}, found {found} in {input:?}", case.expected))
    }
}

fn two(case: &Case, equal: fn(&str, &str) -> bool) -> Outcome {
    let pair =
        case.input.as_array().map(|pair| pair.iter().filter_map(Value::as_str).collect::<Vec<_>>());
    match pair.as_deref() {
        Some([a, b]) if json!(equal(a, b)) == case.expected => Outcome::Passed,
        Some([_, _]) => Outcome::Failed(format!("expected {}", case.expected)),
        _ => Outcome::Failed("the input is no pair of texts".to_owned()),
    }
}

/// The string in lower case, unless that is switched off, and as it stands; nothing where there is none.
fn strings(input: &str, options: Option<&Map<String, Value>>) -> Value {
    let listed = options.and_then(|o| o.get("strings")).and_then(Value::as_array);
    let strings: Vec<&str> = match listed {
        Some(strings) => strings.iter().filter_map(Value::as_str).collect(),
        None => vec!["A", "B", "C", "D"],
    };
    let lowercase = options.and_then(|o| o.get("lowercase")) != Some(&json!(false));
    let parsed = |found: &str| if lowercase { found.to_lowercase() } else { found.to_owned() };
    first_of(&strings, input).map_or(json!([]), |found| json!([parsed(&found), found]))
}
