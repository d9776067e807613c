//! Python's methods on strings, lists and dictionaries, where minijinja's own set lacks them or differs.

use minijinja::value::{Kwargs, Tuple, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};
use minijinja_contrib::pycompat;

/// Called for every method that a value does not have of itself.
pub(super) fn call(
    state: &mut State<'_, '_>,
    value: &Value,
    method: &str,
    args: &[Value],
) -> Result<Value, Error> {
    let known = match value.as_str() {
        Some(text) => string(state, text, method, &Args::new(args)?)?,
        None if value.kind() == ValueKind::Seq => sequence(value, method, args)?,
        None => None,
    };
    match known {
        Some(result) => Ok(result),
        None => pycompat::unknown_method_callback(state, value, method, args),
    }
}

/// Positional and named arguments of a method.
struct Args {
    positional: Vec<Value>,
    named: Option<Kwargs>,
}

impl Args {
    fn new(args: &[Value]) -> Result<Self, Error> {
        let named = match args.last() {
            Some(last) if last.is_kwargs() => Some(Kwargs::try_from(last.clone())?),
            _ => None,
        };
        let count = args.len() - usize::from(named.is_some());
        Ok(Self { positional: args[..count].to_vec(), named })
    }

    /// The argument, with Python's `None` as absent.
    fn get(&self, at: usize, name: &str) -> Option<Value> {
        let given = self.positional.get(at).cloned();
        given.or_else(|| self.named.as_ref()?.peek(name).ok()).filter(|v: &Value| !v.is_none())
    }

    fn text(&self, at: usize, name: &str) -> Result<Option<String>, Error> {
        self.get(at, name)
            .map(|v| match v.as_str() {
                Some(text) => Ok(text.to_owned()),
                None => Err(invalid(format!("expected a string, not {}", v.kind()))),
            })
            .transpose()
    }

    fn required(&self, at: usize, name: &str) -> Result<String, Error> {
        self.text(at, name)?.ok_or_else(|| Error::from(ErrorKind::MissingArgument))
    }

    fn count(&self, at: usize, name: &str) -> Result<Option<usize>, Error> {
        let Some(value) = self.get(at, name) else { return Ok(None) };
        Ok(usize::try_from(i64::try_from(value)?).ok())
    }
}

fn string(
    state: &State<'_, '_>,
    text: &str,
    method: &str,
    args: &Args,
) -> Result<Option<Value>, Error> {
    let strip = |side| Ok(Some(strip(text, args.text(0, "chars")?.as_deref(), side).into()));
    let pad = |side| padded(state, text, args, side).map(Some);
    match method {
        "strip" => strip(Side::Both),
        "lstrip" => strip(Side::Left),
        "rstrip" => strip(Side::Right),
        "ljust" => pad(Side::Right),
        "rjust" => pad(Side::Left),
        "center" => pad(Side::Both),
        "zfill" => zfill(state, text, args).map(Some),
        "split" => split(text, args).map(Some),
        "rsplit" => rsplit(text, args).map(Some),
        "splitlines" => Ok(Some(splitlines(text, args.get(0, "keepends")))),
        "partition" => {
            let separator = args.required(0, "sep")?;
            Ok(Some(match text.split_once(&separator) {
                Some((before, after)) => triple(before, &separator, after),
                None => triple(text, "", ""),
            }))
        }
        "rpartition" => {
            let separator = args.required(0, "sep")?;
            Ok(Some(match text.rsplit_once(&separator) {
                Some((before, after)) => triple(before, &separator, after),
                None => triple("", "", text),
            }))
        }
        "removeprefix" => {
            let prefix = args.required(0, "prefix")?;
            Ok(Some(text.strip_prefix(prefix.as_str()).unwrap_or(text).into()))
        }
        "removesuffix" => {
            let suffix = args.required(0, "suffix")?;
            Ok(Some(text.strip_suffix(suffix.as_str()).unwrap_or(text).into()))
        }
        "format" => {
            pay_for_widths(state, text)?;
            Ok(None)
        }
        "casefold" => Ok(Some(text.to_lowercase().into())),
        "index" => match text.find(&args.required(0, "sub")?) {
            Some(at) => Ok(Some(text[..at].chars().count().into())),
            None => Err(invalid("substring not found".to_owned())),
        },
        "isspace" => Ok(Some((!text.is_empty() && text.chars().all(is_space)).into())),
        _ => Ok(None),
    }
}

fn sequence(value: &Value, method: &str, args: &[Value]) -> Result<Option<Value>, Error> {
    let ("index", [what]) = (method, args) else { return Ok(None) };
    match value.try_iter()?.position(|item| item == *what) {
        Some(at) => Ok(Some(at.into())),
        None => Err(invalid(format!("{what} is not in list"))),
    }
}

fn split(text: &str, args: &Args) -> Result<Value, Error> {
    let limit = args.count(1, "maxsplit")?.unwrap_or(usize::MAX).saturating_add(1);
    Ok(match args.text(0, "sep")? {
        Some(separator) if separator.is_empty() => {
            return Err(invalid("empty separator".to_owned()));
        }
        Some(separator) => text.splitn(limit, &separator).map(Value::from).collect(),
        None => {
            let mut parts = Vec::new();
            let mut rest = strip(text, None, Side::Left);
            while !rest.is_empty() {
                let end = rest.find(is_space).filter(|_| parts.len() + 1 < limit);
                let end = end.unwrap_or(rest.len());
                // Python keeps white space at the end of the last part when the limit is reached.
                parts.push(Value::from(&rest[..end]));
                rest = strip(&rest[end..], None, Side::Left);
            }
            Value::from(parts)
        }
    })
}

fn rsplit(text: &str, args: &Args) -> Result<Value, Error> {
    let limit = args.count(1, "maxsplit")?.unwrap_or(usize::MAX).saturating_add(1);
    let mut parts: Vec<Value> = match args.text(0, "sep")? {
        Some(separator) if separator.is_empty() => {
            return Err(invalid("empty separator".to_owned()));
        }
        Some(separator) => text.rsplitn(limit, &separator).map(Value::from).collect(),
        None => {
            let mut parts = Vec::new();
            let mut rest = strip(text, None, Side::Right);
            while !rest.is_empty() {
                let start = rest.char_indices().rev().find(|(_, c)| is_space(*c));
                let start = start.filter(|_| parts.len() + 1 < limit);
                let start = start.map_or(0, |(at, c)| at + c.len_utf8());
                parts.push(Value::from(&rest[start..]));
                rest = strip(&rest[..start], None, Side::Right);
            }
            parts
        }
    };
    parts.reverse();
    Ok(Value::from(parts))
}

fn splitlines(text: &str, keep_ends: Option<Value>) -> Value {
    let keep_ends = keep_ends.is_some_and(|v| v.is_true());
    let is_end = |c: char| {
        matches!(
            c,
            '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'
                ..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}'
        )
    };
    let mut lines = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(is_end).unwrap_or(rest.len());
        let tail = &rest[end..];
        let ending = if tail.starts_with("\r\n") {
            2
        } else {
            tail.chars().next().map_or(0, char::len_utf8)
        };
        lines.push(Value::from(&rest[..if keep_ends { end + ending } else { end }]));
        rest = &rest[end + ending..];
    }
    Value::from(lines)
}

fn padded(state: &State<'_, '_>, text: &str, args: &Args, side: Side) -> Result<Value, Error> {
    let width = args.count(0, "width")?.unwrap_or(0);
    let fill = args.text(1, "fillchar")?.unwrap_or_else(|| " ".to_owned());
    let missing = missing(state, text, width)?;
    let left = match side {
        Side::Left => missing,
        Side::Right => 0,
        // CPython puts the odd one to the left when the width is odd.
        Side::Both => missing / 2 + (missing & width & 1),
    };
    Ok(Value::from(format!("{}{text}{}", fill.repeat(left), fill.repeat(missing - left))))
}

fn zfill(state: &State<'_, '_>, text: &str, args: &Args) -> Result<Value, Error> {
    let missing = missing(state, text, args.count(0, "width")?.unwrap_or(0))?;
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let sign = &text[..text.len() - digits.len()];
    Ok(Value::from(format!("{sign}{}{digits}", "0".repeat(missing))))
}

/// Pays for the widths and precisions in a format string before it is used; they cannot come from arguments.
fn pay_for_widths(state: &State<'_, '_>, format: &str) -> Result<(), Error> {
    let mut fields = format.replace("{{", "").replace("}}", "");
    if fields.split('}').any(|field| field.matches('{').count() > 1) {
        return Err(invalid("nested replacement fields are not supported".to_owned()));
    }
    fields.retain(|c| c.is_ascii_digit() || c == ':' || c == '.' || c == '}');
    for digits in fields.split(|c: char| !c.is_ascii_digit()).filter(|digits| !digits.is_empty()) {
        state.consume_fuel(digits.parse::<u64>().unwrap_or(u64::MAX) / 16)?;
    }
    Ok(())
}

/// How many characters are missing to the width; pays for them before they are made.
fn missing(state: &State<'_, '_>, text: &str, width: usize) -> Result<usize, Error> {
    let missing = width.saturating_sub(text.chars().count());
    state.consume_fuel(missing as u64 / 16)?;
    Ok(missing)
}

/// Which end of a string is stripped.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
    Both,
}

/// `str.strip`, `lstrip` and `rstrip`.
pub(super) fn strip<'a>(text: &'a str, chars: Option<&str>, side: Side) -> &'a str {
    let strips = |c: char| match chars {
        Some(chars) => chars.contains(c),
        None => is_space(c),
    };
    let text = if side == Side::Right { text } else { text.trim_start_matches(strips) };
    if side == Side::Left { text } else { text.trim_end_matches(strips) }
}

/// `str.isspace`: Unicode's white space and the four separators of ASCII.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

fn triple(before: &str, separator: &str, after: &str) -> Value {
    Value::from(Tuple::from([before.into(), separator.into(), after.into()]))
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}
