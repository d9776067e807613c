//! Jinja's filters, where minijinja's own differ from Python's.

use minijinja::value::{Rest, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind, Output, State, Value, filters};

use super::methods::{Side, strip};
use super::{dialect, json, repr};

pub(super) fn add_to(environment: &mut Environment<'_>) {
    // Not in Jinja; chains of chains take time that fuel does not count.
    for name in ["chain", "zip", "lines", "split", "bool"] {
        environment.remove_filter(name);
    }
    environment.set_formatter(format);
    environment.add_filter("tojson", json::tojson);
    environment.add_filter("trim", trim);
    environment.add_filter("string", string);
    environment.add_filter("upper", upper);
    environment.add_filter("lower", lower);
    environment.add_filter("select", of_falsy(Value::from_function(filters::select)));
    environment.add_filter("reject", of_falsy(Value::from_function(filters::reject)));
    environment.add_filter("selectattr", of_falsy(Value::from_function(filters::selectattr)));
    environment.add_filter("rejectattr", of_falsy(Value::from_function(filters::rejectattr)));
    environment.add_filter("list", of_some(Value::from_function(filters::list)));
    environment.add_filter("join", of_some(Value::from_function(filters::join)));
    environment.add_filter(dialect::ITERATED, |value: Value| some(value));
    environment.add_filter(dialect::HELD, held);
    environment.add_filter("int", int);
    environment.add_filter("float", float);
    environment.add_test("iterable", is_iterable);
    environment.add_test("sequence", is_sequence);
    environment.add_filter("map", of_falsy(Value::from_function(filters::map)));
}

/// Writes a value into the output, as `{{ value }}` does.
fn format(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    match value.as_str() {
        Some(text) => out.write_str(text)?,
        None => out.write_str(&repr::str(state, value)?)?,
    }
    Ok(())
}

fn string(state: &State<'_, '_>, value: Value) -> Result<Value, Error> {
    if value.as_str().is_some() { Ok(value) } else { Ok(repr::str(state, &value)?.into()) }
}

/// Trims any value's text, by Python's idea of white space.
fn trim(state: &State<'_, '_>, value: Value, chars: Option<String>) -> Result<String, Error> {
    Ok(strip(&repr::str(state, &value)?, chars.as_deref(), Side::Both).to_owned())
}

fn upper(state: &State<'_, '_>, value: Value) -> Result<String, Error> {
    Ok(repr::str(state, &value)?.to_uppercase())
}

fn lower(state: &State<'_, '_>, value: Value) -> Result<String, Error> {
    Ok(repr::str(state, &value)?.to_lowercase())
}

/// What `int(value)` gives, or the default where that fails.
fn int(value: Value, default: Option<Value>) -> Value {
    let text = value.as_str().map(|text| strip(text, None, Side::Both));
    let parsed = match text {
        Some(text) => text.parse::<i64>().ok().or_else(|| text.parse::<f64>().ok().and_then(whole)),
        None => {
            i64::try_from(value.clone()).ok().or_else(|| repr::as_float(&value).and_then(whole))
        }
    };
    let parsed = parsed.filter(|_| {
        matches!(value.kind(), ValueKind::String | ValueKind::Number | ValueKind::Bool)
    });
    parsed.map_or_else(|| default.unwrap_or_else(|| Value::from(0)), Value::from)
}

fn whole(float: f64) -> Option<i64> {
    (float.abs() < 9e18).then_some(float as i64)
}

/// What `float(value)` gives, or the default where that fails.
fn float(value: Value, default: Option<Value>) -> Value {
    let parsed = match value.as_str() {
        Some(text) => strip(text, None, Side::Both).parse().ok(),
        None if value.kind() == ValueKind::Bool => Some(f64::from(u8::from(value.is_true()))),
        None => f64::try_from(value).ok(),
    };
    parsed.map_or_else(|| default.unwrap_or_else(|| Value::from(0.0)), Value::from)
}

/// Whether it has a length and items, which strings and dictionaries have too.
fn is_sequence(value: &Value) -> bool {
    matches!(
        value.kind(),
        ValueKind::Undefined | ValueKind::String | ValueKind::Seq | ValueKind::Map
    )
}

/// Python does not iterate over `none`.
fn some(value: Value) -> Result<Value, Error> {
    if value.is_none() {
        return Err(Error::new(ErrorKind::InvalidOperation, "'NoneType' object is not iterable"));
    }
    Ok(value)
}

/// Refuses a value that holds a namespace.
fn held(state: &State<'_, '_>, value: Value) -> Result<Value, Error> {
    let mut parts = vec![value.clone()];
    while let Some(part) = parts.pop() {
        let Some(object) = part.as_object() else { continue };
        if object.type_name().contains("Namespace") {
            let message = "a namespace cannot hold another one";
            return Err(Error::new(ErrorKind::InvalidOperation, message));
        }
        if let Some(pairs) = object.try_iter_pairs() {
            for (key, item) in pairs {
                state.consume_fuel(1)?;
                parts.extend([key, item]);
            }
        }
    }
    Ok(value)
}

fn of_some(
    filter: Value,
) -> impl Fn(&mut State<'_, '_>, Value, Rest<ValueOrKwargs>) -> Result<Value, Error>
+ Send
+ Sync
+ 'static {
    move |state, value, args| {
        let args: Vec<Value> = std::iter::once(some(value)?).chain(args.into_values()).collect();
        filter.call(state, &args)
    }
}

/// Whether Python could iterate: not over `none`.
fn is_iterable(value: &Value) -> bool {
    !value.is_none() && value.try_iter().is_ok()
}

/// Jinja looks whether there is anything before it iterates, so these filters give nothing for `false`, 0 and `none`.
fn of_falsy(
    filter: Value,
) -> impl Fn(&mut State<'_, '_>, Value, Rest<ValueOrKwargs>) -> Result<Value, Error>
+ Send
+ Sync
+ 'static {
    move |state, value, args| {
        let scalar = matches!(value.kind(), ValueKind::None | ValueKind::Bool | ValueKind::Number);
        if scalar && !value.is_true() {
            return Ok(Value::from(Vec::<Value>::new()));
        }
        let args: Vec<Value> = std::iter::once(value).chain(args.into_values()).collect();
        filter.call(state, &args)
    }
}
