//! `tojson` as transformers defines it: Python's `json.dumps` without escaping for HTML.

use std::fmt::Write;

use minijinja::value::{Kwargs, Rest, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};

use super::repr;

/// `tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False)`.
pub(super) fn tojson(
    state: &State<'_, '_>,
    value: Value,
    args: Rest<Value>,
    kwargs: Kwargs,
) -> Result<String, Error> {
    let argument = |at: usize, name: &str| -> Result<Option<Value>, Error> {
        let given = match args.get(at) {
            Some(value) => Some(value.clone()),
            None => kwargs.get::<Option<Value>>(name)?,
        };
        Ok(given.filter(|v| !v.is_none() && !v.is_undefined()))
    };
    let ascii = argument(0, "ensure_ascii")?.is_some_and(|v| v.is_true());
    let indent = argument(1, "indent")?.map(|v| indent_text(&v)).transpose()?;
    let separators = argument(2, "separators")?.map(|v| pair(&v)).transpose()?;
    let sort_keys = argument(3, "sort_keys")?.is_some_and(|v| v.is_true());
    kwargs.assert_all_used()?;
    let default = if indent.is_some() { (",", ": ") } else { (", ", ": ") };
    let (item, key) = separators.unwrap_or_else(|| (default.0.to_owned(), default.1.to_owned()));
    let mut dumper =
        Dumper { state, out: String::new(), ascii, indent, item, key, sort_keys, depth: 0 };
    dumper.value(&value)?;
    Ok(dumper.out)
}

struct Dumper<'a, 't, 'e> {
    state: &'a State<'t, 'e>,
    out: String,
    ascii: bool,
    /// What one level is indented by.
    indent: Option<String>,
    item: String,
    key: String,
    sort_keys: bool,
    depth: usize,
}

impl Dumper<'_, '_, '_> {
    fn value(&mut self, value: &Value) -> Result<(), Error> {
        self.state.consume_fuel(1)?;
        match value.kind() {
            ValueKind::None => self.out.push_str("null"),
            ValueKind::Bool => self.out.push_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number => match repr::as_float(value) {
                Some(float) if float.is_nan() => self.out.push_str("NaN"),
                Some(float) if float.is_infinite() => {
                    self.out.push_str(if float > 0.0 { "Infinity" } else { "-Infinity" });
                }
                Some(float) => self.out.push_str(&repr::float_repr(float)),
                None => self.out.push_str(&value.to_string()),
            },
            ValueKind::String => self.string(value.as_str().unwrap_or_default())?,
            ValueKind::Seq => self.sequence(value)?,
            ValueKind::Map => self.mapping(value)?,
            other => {
                let message = format!("object of type {other} is not JSON serializable");
                return Err(Error::new(ErrorKind::BadSerialization, message));
            }
        }
        Ok(())
    }

    fn sequence(&mut self, value: &Value) -> Result<(), Error> {
        self.out.push('[');
        self.enter()?;
        let mut empty = true;
        for item in value.try_iter()? {
            self.separate(empty)?;
            empty = false;
            self.value(&item)?;
        }
        self.leave(empty)?;
        self.out.push(']');
        Ok(())
    }

    fn mapping(&mut self, value: &Value) -> Result<(), Error> {
        let mut keys: Vec<Value> = value.try_iter()?.collect();
        if self.sort_keys {
            keys.sort();
        }
        self.out.push('{');
        self.enter()?;
        for (at, key) in keys.iter().enumerate() {
            self.separate(at == 0)?;
            self.map_key(key)?;
            let separator = std::mem::take(&mut self.key);
            self.out.push_str(&separator);
            self.key = separator;
            self.value(&value.get_item(key)?)?;
        }
        self.leave(keys.is_empty())?;
        self.out.push('}');
        Ok(())
    }

    /// Keys that are not strings are written as Python's `json` writes them, in quotes.
    fn map_key(&mut self, key: &Value) -> Result<(), Error> {
        if let Some(key) = key.as_str() {
            return self.string(key);
        }
        self.out.push('"');
        match key.kind() {
            ValueKind::None | ValueKind::Bool | ValueKind::Number => self.value(key)?,
            other => {
                let message = format!("keys must be str, int, float, bool or None, not {other}");
                return Err(Error::new(ErrorKind::BadSerialization, message));
            }
        }
        self.out.push('"');
        Ok(())
    }

    fn string(&mut self, text: &str) -> Result<(), Error> {
        self.state.consume_fuel(text.len() as u64 / 16)?;
        self.out.push('"');
        for c in text.chars() {
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '\u{8}' => self.out.push_str("\\b"),
                '\u{c}' => self.out.push_str("\\f"),
                c if c < ' ' || (self.ascii && !('\u{1}'..'\u{7f}').contains(&c)) => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        let _ = write!(self.out, "\\u{unit:04x}");
                    }
                }
                c => self.out.push(c),
            }
        }
        self.out.push('"');
        Ok(())
    }

    fn enter(&mut self) -> Result<(), Error> {
        self.depth += 1;
        if self.depth > super::ChatTemplate::MAX_DEPTH {
            return Err(Error::new(ErrorKind::BadSerialization, "recursion limit of tojson"));
        }
        Ok(())
    }

    fn leave(&mut self, empty: bool) -> Result<(), Error> {
        self.depth -= 1;
        if empty { Ok(()) } else { self.line() }
    }

    fn separate(&mut self, first: bool) -> Result<(), Error> {
        if !first {
            self.state.consume_fuel(self.item.len() as u64 / 16)?;
            let separator = std::mem::take(&mut self.item);
            self.out.push_str(&separator);
            self.item = separator;
        }
        self.line()
    }

    /// A new line at the current depth, if there is an indent.
    fn line(&mut self) -> Result<(), Error> {
        if let Some(indent) = &self.indent {
            self.state.consume_fuel((indent.len() * self.depth) as u64 / 16)?;
            self.out.push('\n');
            for _ in 0..self.depth {
                self.out.push_str(indent);
            }
        }
        Ok(())
    }
}

fn indent_text(indent: &Value) -> Result<String, Error> {
    if let Some(text) = indent.as_str() {
        return Ok(text.to_owned());
    }
    let width = i64::try_from(indent.clone())?.max(0);
    let width = usize::try_from(width).unwrap_or(usize::MAX);
    if width > MAX_INDENT {
        return Err(Error::new(ErrorKind::OutOfFuel, "indent too wide"));
    }
    Ok(" ".repeat(width))
}

fn pair(separators: &Value) -> Result<(String, String), Error> {
    let items: Vec<String> = separators.try_iter()?.map(|v| v.to_string()).collect();
    <[String; 2]>::try_from(items).map(|[item, key]| (item, key)).map_err(|_| {
        Error::new(
            ErrorKind::InvalidOperation,
            "separators must be (item_separator, key_separator)",
        )
    })
}

const MAX_INDENT: usize = 1000;
