//! JSON with NaN, as Python writes it.

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// The value as JSON in which a float that is not finite is `NaN`.
///
/// # Panics
/// If a map's keys are no strings, which the types of this module rule out.
pub(super) fn to_string(value: &impl Serialize) -> String {
    let mut bytes = Vec::new();
    let written = value.serialize(&mut Serializer::with_formatter(&mut bytes, NanForNull));
    written.expect("maps have strings for keys, and memory takes what is written");
    String::from_utf8(bytes).expect("JSON of strings is UTF-8")
}

/// Nothing absent is written in these logs, so what serde_json would write as `null` is a number.
struct NanForNull;

impl Formatter for NanForNull {
    fn write_null<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b"NaN")
    }
}
