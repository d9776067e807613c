//! The functions of `process_group.cpp`.
#![expect(unsafe_code, reason = "a C interface")]

use std::ffi::{CString, c_char, c_int, c_void};
use std::sync::OnceLock;
use std::time::Duration;

use libloading::Library;

use crate::error::{Error, Message};
use crate::library::{find, open};

/// Where the build script put the compiled part.
const LIBRARY: Option<&str> = option_env!("THINKSAFE_PROCESS_GROUP");

pub(crate) type Act = unsafe extern "C" fn(*mut c_void) -> Message;
type StoreOpen = unsafe extern "C" fn(*const c_char, u16, c_int, i64, *mut *mut c_void) -> Message;
type StoreWithin = unsafe extern "C" fn(*mut c_void, *const c_char, *mut *mut c_void) -> Message;
type StoreAdd = unsafe extern "C" fn(*mut c_void, *const c_char, i64, *mut i64) -> Message;
type StoreCheck = unsafe extern "C" fn(*mut c_void, *const c_char, *mut c_int) -> Message;
type StoreSet = unsafe extern "C" fn(*mut c_void, *const c_char, *const u8, usize) -> Message;
type StoreGet = unsafe extern "C" fn(*mut c_void, *const c_char, *mut u8, usize) -> Message;
type GlooOpen = unsafe extern "C" fn(
    *mut c_void,
    c_int,
    c_int,
    i64,
    *const c_char,
    *mut *mut c_void,
) -> Message;
type AllReduce = unsafe extern "C" fn(*mut c_void, *mut c_void) -> Message;
type Broadcast = unsafe extern "C" fn(*mut c_void, *mut c_void, c_int) -> Message;

#[derive(Debug)]
pub(crate) struct Functions {
    pub(crate) store_open: StoreOpen,
    pub(crate) store_within: StoreWithin,
    pub(crate) store_add: StoreAdd,
    pub(crate) store_check: StoreCheck,
    pub(crate) store_set: StoreSet,
    pub(crate) store_get: StoreGet,
    pub(crate) store_close: Act,
    pub(crate) gloo_open: GlooOpen,
    pub(crate) gloo_all_reduce_sum: AllReduce,
    pub(crate) gloo_broadcast: Broadcast,
    pub(crate) gloo_barrier: Act,
    pub(crate) gloo_close: Act,
    /// Never closed before the last use of a function.
    _library: Library,
}

impl Functions {
    /// The functions, from the first call on.
    pub(crate) fn loaded() -> Result<&'static Self, Error> {
        static LOADED: OnceLock<Result<Functions, Error>> = OnceLock::new();
        LOADED.get_or_init(Self::load).as_ref().map_err(Clone::clone)
    }

    fn load() -> Result<Self, Error> {
        let path = LIBRARY.ok_or_else(|| {
            Error::new("libtorch's process groups could not be compiled when this was built")
        })?;
        // SAFETY: the library's initialisers are those of libtorch's headers, which need libtorch alone, and that it is
        // linked to. The functions have the types that process_group.cpp declares.
        unsafe {
            let library = open(path)?;
            Ok(Self {
                store_open: find(&library, "thinksafe_store_open")?,
                store_within: find(&library, "thinksafe_store_within")?,
                store_add: find(&library, "thinksafe_store_add")?,
                store_check: find(&library, "thinksafe_store_check")?,
                store_set: find(&library, "thinksafe_store_set")?,
                store_get: find(&library, "thinksafe_store_get")?,
                store_close: find(&library, "thinksafe_store_close")?,
                gloo_open: find(&library, "thinksafe_gloo_open")?,
                gloo_all_reduce_sum: find(&library, "thinksafe_gloo_all_reduce_sum")?,
                gloo_broadcast: find(&library, "thinksafe_gloo_broadcast")?,
                gloo_barrier: find(&library, "thinksafe_gloo_barrier")?,
                gloo_close: find(&library, "thinksafe_gloo_close")?,
                _library: library,
            })
        }
    }
}

/// Text as C++ takes it.
pub(crate) fn c_text(text: &str) -> Result<CString, Error> {
    CString::new(text).map_err(|_| Error::new(format!("{text:?} has a zero byte in it")))
}

/// A time as C++ takes it. Zero would mean to wait for ever, and libtorch adds to the clock without looking for overflow.
pub(crate) fn milliseconds(timeout: Duration) -> i64 {
    const YEAR: Duration = Duration::from_hours(365 * 24);
    timeout.clamp(Duration::from_millis(1), YEAR).as_millis() as i64
}
