//! NVIDIA's run-time compiler, as much of it as is needed.
#![expect(unsafe_code, reason = "a C interface")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::Path;
use std::ptr;

use libloading::Library;

use crate::torch::kernel::library::{Visibility, folder_of, function, open};

/// The compiler that CUDA 13, which libtorch 2.11.0 is made with, comes with.
const NAME: &str = "libnvrtc.so.13";

/// What the compiler opens by name alone, and finds only if it is loaded already.
const BUILTINS: &str = "libnvrtc-builtins.so.13.0";

const SOURCE: &str = include_str!("attend.cu");

/// The compiler's library.
#[derive(Debug)]
pub(super) struct Nvrtc(Library);

type Program = *mut c_void;
type Create = unsafe extern "C" fn(
    *mut Program,
    *const c_char,
    *const c_char,
    c_int,
    *const *const c_char,
    *const *const c_char,
) -> c_int;
type Compile = unsafe extern "C" fn(Program, c_int, *const *const c_char) -> c_int;
type Size = unsafe extern "C" fn(Program, *mut usize) -> c_int;
type Copy = unsafe extern "C" fn(Program, *mut c_char) -> c_int;
type Destroy = unsafe extern "C" fn(*mut Program) -> c_int;

impl Nvrtc {
    /// Opens the compiler beside the CUDA libraries that are loaded, or where the system has it.
    pub(super) fn find() -> Result<Self, String> {
        match folder_of(NAME) {
            Some(folder) => Self::open(&folder),
            None => open(Path::new(NAME), Visibility::Own).map(Self),
        }
    }

    /// Opens the compiler of a folder.
    pub(super) fn open(folder: &Path) -> Result<Self, String> {
        let builtins = folder.join(BUILTINS);
        if builtins.exists() {
            std::mem::forget(open(&builtins, Visibility::All)?);
        }
        open(&folder.join(NAME), Visibility::Own).map(Self)
    }

    /// Compiles `attend.cu` for an architecture such as `sm_90`, to machine code.
    pub(super) fn compile(&self, architecture: &str, macros: &[String]) -> Result<Vec<u8>, String> {
        let text = |text: &str| CString::new(text).map_err(|error| error.to_string());
        let (source, name) = (text(SOURCE)?, text("attend.cu")?);
        let mut options =
            vec![text("--std=c++17")?, text(&format!("--gpu-architecture={architecture}"))?];
        for option in macros {
            options.push(text(option)?);
        }
        let options: Vec<*const c_char> = options.iter().map(|option| option.as_ptr()).collect();
        let mut program = ptr::null_mut();
        // SAFETY: the types are those of nvrtc.h of CUDA 13; all strings end with zero and outlive the calls, and the
        // program is destroyed once, behind its last use.
        unsafe {
            let create = function::<Create>(&self.0, "nvrtcCreateProgram")?;
            let compile = function::<Compile>(&self.0, "nvrtcCompileProgram")?;
            let destroy = function::<Destroy>(&self.0, "nvrtcDestroyProgram")?;
            let made = create(
                &raw mut program,
                source.as_ptr(),
                name.as_ptr(),
                0,
                ptr::null(),
                ptr::null(),
            );
            if made != 0 {
                return Err(format!("NVRTC makes no program: error {made}"));
            }
            let result = compile(program, options.len() as c_int, options.as_ptr());
            let compiled = if result == 0 {
                self.read(program, "nvrtcGetCUBINSize", "nvrtcGetCUBIN")
            } else {
                let log = self.read(program, "nvrtcGetProgramLogSize", "nvrtcGetProgramLog");
                Err(format!(
                    "NVRTC error {result}: {}",
                    log.map_or_else(|error| error, |log| message(&log))
                ))
            };
            destroy(&raw mut program);
            compiled
        }
    }

    /// What a pair of functions, one for the size and one for the content, says about a program.
    ///
    /// # Safety
    /// The program must be one that was created and not destroyed.
    unsafe fn read(&self, program: Program, size: &str, content: &str) -> Result<Vec<u8>, String> {
        // SAFETY: the buffer has the size that the library asks for.
        unsafe {
            let mut length = 0;
            let first = function::<Size>(&self.0, size)?(program, &raw mut length);
            let mut bytes = vec![0u8; length];
            let second = function::<Copy>(&self.0, content)?(program, bytes.as_mut_ptr().cast());
            if first != 0 || second != 0 || length == 0 {
                return Err(format!("{content} fails: errors {first}, {second}"));
            }
            Ok(bytes)
        }
    }
}

fn message(log: &[u8]) -> String {
    CStr::from_bytes_until_nul(log)
        .map_or_else(|_| String::new(), |log| log.to_string_lossy().into_owned())
}
