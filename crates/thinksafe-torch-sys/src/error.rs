//! What libtorch and the loader of libraries report.
#![expect(unsafe_code, reason = "messages of C functions")]

use std::ffi::{CStr, c_char};
use std::fmt;

/// Why something of libtorch, or beside it, cannot be used: its own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(String);

/// What the C++ side returns: null, or a message that ends with zero and lives until the thread's next call.
pub(crate) type Message = *const c_char;

impl Error {
    /// An error in words of one's own.
    pub fn new(words: impl Into<String>) -> Self {
        Self(words.into())
    }

    /// What the loader says is the cause of what `libloading` says.
    pub(crate) fn of(error: libloading::Error) -> Self {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        Self(format!("{error}: {}", cause.unwrap_or_default()))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

/// Success, or what the message says.
pub(crate) fn check(message: Message) -> Result<(), Error> {
    if message.is_null() {
        return Ok(());
    }
    // SAFETY: messages end with zero and live until the next call, which is behind this copy.
    let message = unsafe { CStr::from_ptr(message) };
    Err(Error(message.to_string_lossy().into_owned()))
}
