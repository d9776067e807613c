//! The CUDA driver, as much of it as launching a kernel needs.
#![expect(unsafe_code, reason = "a C interface")]

use std::ffi::{CString, c_int, c_uint, c_void};
use std::path::Path;
use std::ptr;

use libloading::Library;

use crate::torch::kernel::call::{Call, Launch};
use crate::torch::kernel::library::{Visibility, function, open};
use crate::torch::stream::Stream;

/// A card with the context that libtorch uses on it.
#[derive(Debug)]
pub(super) struct Card {
    driver: Library,
    device: c_int,
    context: Handle,
}

/// What the driver names a context or a function by.
#[derive(Debug, Clone, Copy)]
struct Handle(*mut c_void);

// SAFETY: the driver takes its handles from any thread, and nothing is read through them here.
unsafe impl Send for Handle {}

/// The kernels, loaded onto a card.
#[derive(Debug)]
pub(super) struct Loaded {
    card: Card,
    launch: LaunchKernel,
    push: Push,
    pop: Pop,
    attend: Handle,
    join_splits: Handle,
    stream: Stream,
    warps: i64,
}

type LaunchKernel = unsafe extern "C" fn(
    *mut c_void,
    c_uint,
    c_uint,
    c_uint,
    c_uint,
    c_uint,
    c_uint,
    c_uint,
    *mut c_void,
    *mut *mut c_void,
    *mut *mut c_void,
) -> c_int;
type Push = unsafe extern "C" fn(*mut c_void) -> c_int;
type Pop = unsafe extern "C" fn(*mut *mut c_void) -> c_int;
type GetDevice = unsafe extern "C" fn(*mut c_int, c_int) -> c_int;
type Retain = unsafe extern "C" fn(*mut *mut c_void, c_int) -> c_int;
type Attribute = unsafe extern "C" fn(*mut c_int, c_int, c_int) -> c_int;
type LoadModule = unsafe extern "C" fn(*mut *mut c_void, *const c_void) -> c_int;
type GetFunction =
    unsafe extern "C" fn(*mut *mut c_void, *mut c_void, *const std::ffi::c_char) -> c_int;

/// Warps of a block, as `attend.cu` has it.
const WARPS: i64 = 4;

/// Warps of a multiprocessor that hide the latency of memory.
const BUSY: i64 = 16;

const MULTIPROCESSORS: c_int = 16;
const MAJOR: c_int = 75;
const MINOR: c_int = 76;

impl Card {
    /// The device that libtorch counts as `index`; libtorch has been using it.
    pub(super) fn open(index: usize) -> Result<Self, String> {
        let driver = open(Path::new("libcuda.so.1"), Visibility::Own)?;
        let (mut device, mut context) = (0, ptr::null_mut());
        // SAFETY: the types are those of cuda.h; both results are written before they are used. The context is the one
        // that libtorch's runtime uses, and is held for as long as the process lives.
        unsafe {
            let get = function::<GetDevice>(&driver, "cuDeviceGet")?;
            check("cuDeviceGet", get(&raw mut device, index as c_int))?;
            let retain = function::<Retain>(&driver, "cuDevicePrimaryCtxRetain")?;
            check("cuDevicePrimaryCtxRetain", retain(&raw mut context, device))?;
        }
        Ok(Self { driver, device, context: Handle(context) })
    }

    /// What machine code has to be made for.
    pub(super) fn architecture(&self) -> Result<String, String> {
        Ok(format!("sm_{}{}", self.attribute(MAJOR)?, self.attribute(MINOR)?))
    }

    fn attribute(&self, attribute: c_int) -> Result<c_int, String> {
        let mut value = 0;
        // SAFETY: the type is that of cuda.h.
        unsafe {
            let get = function::<Attribute>(&self.driver, "cuDeviceGetAttribute")?;
            check("cuDeviceGetAttribute", get(&raw mut value, attribute, self.device))?;
        }
        Ok(value)
    }

    /// Loads machine code that has both kernels.
    pub(super) fn load(self, binary: &[u8], stream: Stream) -> Result<Loaded, String> {
        // SAFETY: the types are those of cuda.h; the module is never unloaded, so the functions stay valid.
        unsafe {
            let push = function::<Push>(&self.driver, "cuCtxPushCurrent_v2")?;
            let pop = function::<Pop>(&self.driver, "cuCtxPopCurrent_v2")?;
            let load = function::<LoadModule>(&self.driver, "cuModuleLoadData")?;
            let get = function::<GetFunction>(&self.driver, "cuModuleGetFunction")?;
            let mut module = ptr::null_mut();
            check("cuCtxPushCurrent", push(self.context.0))?;
            let loaded = check("cuModuleLoadData", load(&raw mut module, binary.as_ptr().cast()));
            let find = |name: &str| {
                let (mut found, text) =
                    (ptr::null_mut(), CString::new(name).map_err(|e| e.to_string())?);
                check(name, get(&raw mut found, module, text.as_ptr()))?;
                Ok::<_, String>(Handle(found))
            };
            let functions = loaded.and_then(|()| Ok((find("attend")?, find("join_splits")?)));
            check("cuCtxPopCurrent", pop(&mut ptr::null_mut()))?;
            let (attend, join_splits) = functions?;
            let launch = function::<LaunchKernel>(&self.driver, "cuLaunchKernel")?;
            let warps = i64::from(self.attribute(MULTIPROCESSORS)?) * BUSY;
            Ok(Loaded { card: self, launch, push, pop, attend, join_splits, stream, warps })
        }
    }
}

impl Loaded {
    /// Starts a kernel on libtorch's current stream.
    ///
    /// # Safety
    /// As [`Launch::attend`].
    unsafe fn start(&self, kernel: Handle, call: &Call, warps: i64) -> Result<(), String> {
        let mut arguments = [ptr::from_ref(call).cast_mut().cast::<c_void>()];
        let (blocks, threads) = (((warps + WARPS - 1) / WARPS) as c_uint, (WARPS * 32) as c_uint);
        // SAFETY: the kernel takes one argument, a `Call`; the driver copies it before it returns.
        unsafe {
            check("cuCtxPushCurrent", (self.push)(self.card.context.0))?;
            let started = (self.launch)(
                kernel.0,
                blocks,
                1,
                1,
                threads,
                1,
                1,
                0,
                self.stream.get(),
                arguments.as_mut_ptr(),
                ptr::null_mut(),
            );
            check("cuCtxPopCurrent", (self.pop)(&mut ptr::null_mut()))?;
            check("cuLaunchKernel", started)
        }
    }
}

impl Launch for Loaded {
    fn warps(&self) -> i64 {
        self.warps
    }

    unsafe fn attend(&self, call: &Call, warps: i64) -> Result<(), String> {
        // SAFETY: as the caller has it.
        unsafe { self.start(self.attend, call, warps) }
    }

    unsafe fn join_splits(&self, call: &Call, warps: i64) -> Result<(), String> {
        // SAFETY: as the caller has it.
        unsafe { self.start(self.join_splits, call, warps) }
    }
}

fn check(what: &str, result: c_int) -> Result<(), String> {
    if result == 0 { Ok(()) } else { Err(format!("{what} fails: CUDA error {result}")) }
}
