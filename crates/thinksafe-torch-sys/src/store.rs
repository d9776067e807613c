//! The key-value store by which processes meet: libtorch's TCPStore.
#![expect(unsafe_code, reason = "a C interface")]

use std::ffi::{c_int, c_void};
use std::ptr;
use std::time::Duration;

use crate::error::{Error, check};
use crate::process_group::{Functions, c_text, milliseconds};

/// Where a store is.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "plain data")]
pub struct StoreAddress<'a> {
    /// The name or address of the machine that serves it.
    pub host: &'a str,
    /// The port there.
    pub port: u16,
    /// Whether this process serves it, for as long as it holds its [`Store`].
    pub serve: bool,
}

/// A connection to libtorch's TCPStore. What waits in it, waits at most for its timeout.
#[derive(Debug)]
pub struct Store {
    handle: *mut c_void,
    functions: &'static Functions,
}

// SAFETY: TCPStore takes a lock around each of its calls, and belongs to no thread.
unsafe impl Send for Store {}

impl Store {
    /// Joins the store at an address.
    ///
    /// # Errors
    /// That the part is not there, or what libtorch reports: nobody answers within the timeout, the port is taken, ...
    pub fn open(address: StoreAddress<'_>, timeout: Duration) -> Result<Self, Error> {
        let functions = Functions::loaded()?;
        let host = c_text(address.host)?;
        let (serve, timeout) = (c_int::from(address.serve), milliseconds(timeout));
        let mut handle = ptr::null_mut();
        // SAFETY: the text ends with zero and outlives the call; the handle is written if it succeeds.
        check(unsafe {
            (functions.store_open)(host.as_ptr(), address.port, serve, timeout, &raw mut handle)
        })?;
        Ok(Self { handle, functions })
    }

    /// The same store, all of whose keys begin with `prefix`.
    ///
    /// # Errors
    /// If there is a zero in the prefix.
    pub fn within(&self, prefix: &str) -> Result<Self, Error> {
        let prefix = c_text(prefix)?;
        let mut handle = ptr::null_mut();
        // SAFETY: the handle is the store's, which the new one shares; the new one is written if the call succeeds.
        check(unsafe {
            (self.functions.store_within)(self.handle, prefix.as_ptr(), &raw mut handle)
        })?;
        Ok(Self { handle, functions: self.functions })
    }

    /// Adds to a counter that begins at zero, and returns what it then is.
    ///
    /// # Errors
    /// What libtorch reports.
    pub fn add(&self, key: &str, increment: i64) -> Result<i64, Error> {
        let (key, mut value) = (c_text(key)?, 0);
        // SAFETY: the handle is the store's; the value is written if the call succeeds.
        check(unsafe {
            (self.functions.store_add)(self.handle, key.as_ptr(), increment, &raw mut value)
        })?;
        Ok(value)
    }

    /// Whether a key has a value.
    ///
    /// # Errors
    /// What libtorch reports.
    pub fn contains(&self, key: &str) -> Result<bool, Error> {
        let (key, mut found) = (c_text(key)?, 0);
        // SAFETY: the handle is the store's; the answer is written if the call succeeds.
        check(unsafe { (self.functions.store_check)(self.handle, key.as_ptr(), &raw mut found) })?;
        Ok(found != 0)
    }

    /// Gives a key a value, in place of the one it has.
    ///
    /// # Errors
    /// What libtorch reports.
    pub fn set(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        let key = c_text(key)?;
        // SAFETY: the handle is the store's; key and value outlive the call.
        check(unsafe {
            (self.functions.store_set)(self.handle, key.as_ptr(), value.as_ptr(), value.len())
        })
    }

    /// Waits until a key has a value, and reads it into `value`, whose length it must have.
    ///
    /// # Errors
    /// What libtorch reports, or that the value has another length.
    pub fn get(&self, key: &str, value: &mut [u8]) -> Result<(), Error> {
        let key = c_text(key)?;
        // SAFETY: the handle is the store's; no more is written than `value` holds.
        check(unsafe {
            (self.functions.store_get)(self.handle, key.as_ptr(), value.as_mut_ptr(), value.len())
        })
    }

    pub(crate) fn handle(&self) -> *mut c_void {
        self.handle
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // SAFETY: the handle is the store's and is not used again. Nobody can do anything about a failure here.
        let _ = check(unsafe { (self.functions.store_close)(self.handle) });
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    const TIMEOUT: Duration = Duration::from_millis(500);

    fn free_port() -> u16 {
        TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
    }

    fn open(port: u16, serve: bool) -> Result<Store, Error> {
        Store::open(StoreAddress { host: "127.0.0.1", port, serve }, TIMEOUT)
    }

    #[test]
    fn what_one_sets_the_other_gets() {
        let port = free_port();
        let server = open(port, true).unwrap();
        let client = open(port, false).unwrap();
        assert!(!client.contains("id").unwrap());
        server.set("id", &[1, 0, 255]).unwrap();
        let mut value = [0; 3];
        // Setting waits for no answer: once the same connection gets the value, it is there for others too.
        server.get("id", &mut value).unwrap();
        assert!(client.contains("id").unwrap());
        value.fill(0);
        client.get("id", &mut value).unwrap();
        assert_eq!(value, [1, 0, 255]);
        let error = client.get("id", &mut [0; 4]).unwrap_err();
        assert!(error.to_string().contains("3 bytes, expected 4"), "{error}");
        let within = client.within("attempt").unwrap();
        assert!(!within.contains("id").unwrap());
        assert_eq!(within.add("count", 2).unwrap(), 2);
        assert_eq!(server.within("attempt").unwrap().add("count", 1).unwrap(), 3);
    }

    #[test]
    fn any_time_is_one_to_wait() {
        for timeout in [Duration::MAX, Duration::from_secs(u64::MAX / 1000)] {
            let address = StoreAddress { host: "127.0.0.1", port: free_port(), serve: true };
            let store = Store::open(address, timeout).unwrap();
            store.set("key", &[1]).unwrap();
            store.get("key", &mut [0]).unwrap();
        }
    }

    #[test]
    fn waiting_ends() {
        let port = free_port();
        let error = open(port, false).unwrap_err();
        assert!(error.to_string().contains(&port.to_string()), "{error}");
        let store = open(port, true).unwrap();
        let error = store.get("nobody sets this", &mut [0]).unwrap_err();
        assert!(error.to_string().contains("nobody sets this"), "{error}");
        assert!(store.set("a\0b", &[]).is_err());
    }
}
