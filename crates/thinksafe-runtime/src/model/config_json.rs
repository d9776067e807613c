//! Typed access to the fields of a JSON object, with errors that name file, field, value and expectation.

use serde_json::{Map, Value};

use crate::Error;

/// The fields of one JSON object.
pub(crate) struct Fields<'a> {
    map: &'a Map<String, Value>,
    origin: String,
    prefix: String,
}

impl<'a> Fields<'a> {
    /// The fields of a file's top-level object; errors name `origin`.
    pub(crate) fn new(map: &'a Map<String, Value>, origin: String) -> Self {
        Self { map, origin, prefix: String::new() }
    }

    /// A field's value as it stands.
    pub(crate) fn value(&self, field: &str) -> Option<&'a Value> {
        self.map.get(field)
    }

    /// A field's value; null counts as absent.
    pub(crate) fn get(&self, field: &str) -> Option<&'a Value> {
        self.value(field).filter(|v| !v.is_null())
    }

    /// A number that is at least 1 and below 2^31.
    pub(crate) fn size(&self, field: &str) -> Result<i64, Error> {
        let value = self.get(field).and_then(Value::as_i64);
        value
            .filter(|v| (1..1 << 31).contains(v))
            .ok_or_else(|| self.wrong(field, "a positive whole number"))
    }

    /// A number that is at least 0 and below 2^31.
    pub(crate) fn count(&self, field: &str) -> Result<usize, Error> {
        let value = self.get(field).and_then(Value::as_i64).filter(|v| (0..1 << 31).contains(v));
        value.map(|v| v as usize).ok_or_else(|| self.wrong(field, "a whole number"))
    }

    /// A finite number above 0.
    pub(crate) fn positive(&self, field: &str, default: Option<f64>) -> Result<f64, Error> {
        if let (None, Some(default)) = (self.get(field), default) {
            return Ok(default);
        }
        let value = self.get(field).and_then(Value::as_f64);
        value
            .filter(|v| v.is_finite() && *v > 0.0)
            .ok_or_else(|| self.wrong(field, "a positive number"))
    }

    /// A truth value.
    pub(crate) fn flag(&self, field: &str, default: bool) -> Result<bool, Error> {
        match self.get(field) {
            None => Ok(default),
            Some(value) => value.as_bool().ok_or_else(|| self.wrong(field, "true or false")),
        }
    }

    /// A text.
    pub(crate) fn text(&self, field: &str) -> Result<&'a str, Error> {
        self.get(field).and_then(Value::as_str).ok_or_else(|| self.wrong(field, "a text"))
    }

    /// A nested object, if there is one.
    pub(crate) fn object(&self, field: &str) -> Result<Option<Self>, Error> {
        let Some(value) = self.get(field) else { return Ok(None) };
        let map = value.as_object().ok_or_else(|| self.wrong(field, "an object"))?;
        let prefix = format!("{}{field}.", self.prefix);
        Ok(Some(Self { map, origin: self.origin.clone(), prefix }))
    }

    /// A token id or a list of them; none if absent.
    pub(crate) fn ids(&self, field: &str) -> Result<Vec<u32>, Error> {
        let id = |value: &Value| {
            let id = value.as_u64().and_then(|v| u32::try_from(v).ok());
            id.ok_or_else(|| self.wrong(field, "a token id or a list of token ids"))
        };
        match self.get(field) {
            None => Ok(Vec::new()),
            Some(Value::Array(values)) => values.iter().map(id).collect(),
            Some(value) => Ok(vec![id(value)?]),
        }
    }

    /// The error that a field is not what was expected.
    pub(crate) fn wrong(&self, field: &str, expected: &str) -> Error {
        let found = match self.value(field) {
            None => "absent".to_owned(),
            Some(value) => abbreviated(&value.to_string()),
        };
        Error::Config {
            origin: self.origin.clone(),
            field: format!("{}{field}", self.prefix),
            found,
            expected: expected.to_owned(),
        }
    }
}

/// A value short enough for an error message.
fn abbreviated(text: &str) -> String {
    const LIMIT: usize = 80;
    match text.char_indices().nth(LIMIT) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}
