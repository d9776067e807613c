//! Chat template cases: `template_file`, `messages`, `add_generation_prompt`, `kwargs`, `now` → `expected` or `error`.

use serde::Deserialize;
use serde_json::{Map, Value};
use thinksafe_chat::{DateTime, Error};

use crate::case::{Assets, Outcome, outcome};
use crate::difference::difference;

#[derive(Deserialize)]
struct Case {
    template_file: String,
    #[serde(default)]
    name: String,
    messages: Value,
    add_generation_prompt: bool,
    #[serde(default)]
    kwargs: Map<String, Value>,
    now: Option<String>,
    expected: Option<String>,
    error: Option<String>,
}

pub(crate) fn run(fields: Value, assets: &mut Assets) -> (String, Outcome) {
    match serde_json::from_value::<Case>(fields) {
        Ok(case) => {
            let name = format!("{} {}", case.template_file, case.name);
            (name, outcome(check(case, assets)))
        }
        Err(error) => ("?".to_owned(), Outcome::Failed(error.to_string())),
    }
}

fn check(case: Case, assets: &mut Assets) -> Result<(), String> {
    let template = assets.template(&case.template_file)?;
    let now = match &case.now {
        None => None,
        Some(text) => Some(DateTime::parse(text).ok_or_else(|| format!("`now` is {text:?}"))?),
    };
    let mut variables = case.kwargs;
    variables.insert("messages".to_owned(), case.messages);
    variables.insert("add_generation_prompt".to_owned(), case.add_generation_prompt.into());
    let rendered = template.render(&variables, now);
    match (rendered, case.expected, case.error) {
        (Ok(text), Some(expected), None) => difference(&expected, &text).map_or(Ok(()), Err),
        (Err(error), _, Some(expected)) => same_error(&error, &expected),
        (Ok(text), _, Some(error)) => {
            Err(format!("expected the error {error:?}, rendered {text:?}"))
        }
        (Err(error), _, None) => Err(format!("expected a text, failed: {error}")),
        (Ok(_), None, None) => Err("the case expects neither a text nor an error".to_owned()),
    }
}

/// What a template raises itself must have its words; how an engine names its own errors is the engine's.
fn same_error(error: &Error, expected: &str) -> Result<(), String> {
    let raised = expected.strip_prefix("TemplateError: ");
    match (error, raised) {
        (Error::TemplateRaised { message, .. }, Some(expected)) => {
            difference(expected, message).map_or(Ok(()), Err)
        }
        (Error::TemplateFailed { .. }, None) => Ok(()),
        _ => Err(format!("expected the error {expected:?}, got: {error}")),
    }
}
