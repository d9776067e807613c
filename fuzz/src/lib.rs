//! What the fuzz targets share: how bytes become texts.

use std::borrow::Cow;

/// A prediction and a reference: what stands before the first NUL, and what behind it.
///
/// So a seed is a file that people can read and write, and a dictionary's words stay whole.
pub fn two(bytes: &[u8]) -> (Cow<'_, str>, Cow<'_, str>) {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let rest = bytes.get(end + 1..).unwrap_or_default();
    (String::from_utf8_lossy(&bytes[..end]), String::from_utf8_lossy(rest))
}
