//! Compiles the C++ into libraries of their own, which are opened at run time; nothing links to them.
//!
//! CUDA's headers come with libtorch's CUDA build from PyPI, but for those of `nvidia-cuda-crt==13.0.88`, which has to be
//! installed beside it. `CUDA_HOME` names another place. What cannot be compiled is an error at run time.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Headers of the two packages.
const NEEDED: [&str; 2] = ["cuda_runtime_api.h", "crt/host_config.h"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=cpp");
    println!("cargo::rerun-if-env-changed=CUDA_HOME");
    println!("cargo::rerun-if-env-changed=CXX");
    let Some(lib) = env::var_os("DEP_TCH_LIBTORCH_LIB").map(PathBuf::from) else { return };
    let Some(out) = env::var_os("OUT_DIR").map(PathBuf::from) else { return };
    let parts = [Some(process_group(&lib)), headers(&lib).map(|cuda| graphs(&lib, &cuda))];
    for part in parts.into_iter().flatten() {
        let path = out.join(part.name);
        match compile(part.compiler, &path) {
            Ok(()) => println!("cargo::rustc-env={}={}", part.variable, path.display()),
            Err(reason) => println!("cargo::warning=no {}: {reason}", part.purpose),
        }
    }
}

/// What to compile.
struct Part {
    purpose: &'static str,
    name: &'static str,
    /// The variable by which the crate's code is told the path.
    variable: &'static str,
    compiler: Command,
}

/// Stores and Gloo, from libtorch's headers and linked to it.
fn process_group(lib: &Path) -> Part {
    let mut compiler = compiler(lib, "cpp/process_group.cpp");
    compiler.args(["-DUSE_C10D_GLOO", "-Icpp/opaque"]).arg("-L").arg(lib);
    compiler.args(["-ltorch_cpu", "-lc10", "-Wl,-z,defs"]);
    compiler.arg(format!("-Wl,-rpath,{}", lib.display()));
    Part {
        purpose: "process groups",
        name: "libthinksafe_process_group.so",
        variable: "THINKSAFE_PROCESS_GROUP",
        compiler,
    }
}

/// CUDA graphs, whose symbols are libtorch's CUDA part's, which is loaded before.
fn graphs(lib: &Path, cuda: &Path) -> Part {
    let mut compiler = compiler(lib, "cpp/graphs.cpp");
    compiler.arg("-isystem").arg(cuda);
    Part {
        purpose: "CUDA graphs",
        name: "libthinksafe_cuda_graphs.so",
        variable: "THINKSAFE_CUDA_GRAPHS",
        compiler,
    }
}

/// The folder of CUDA's headers.
fn headers(lib: &Path) -> Option<PathBuf> {
    let beside = lib.canonicalize().ok()?.join("../../nvidia/cu13/include");
    let named = env::var_os("CUDA_HOME").map(|home| PathBuf::from(home).join("include"));
    let places = named.into_iter().chain([beside, PathBuf::from("/usr/local/cuda/include")]);
    let complete = |place: &PathBuf| NEEDED.iter().all(|header| place.join(header).exists());
    places.into_iter().find(complete)
}

/// The compiler of a source that includes libtorch's headers.
fn compiler(lib: &Path, source: &str) -> Command {
    let torch = lib.join("../include");
    let mut compiler = Command::new(env::var_os("CXX").unwrap_or_else(|| "c++".into()));
    compiler.args(["-std=c++17", "-O2", "-shared", "-fPIC", source]);
    for include in [&torch, &torch.join("torch/csrc/api/include")] {
        compiler.arg("-isystem").arg(include);
    }
    compiler
}

fn compile(mut compiler: Command, library: &Path) -> Result<(), String> {
    let output = compiler.arg("-o").arg(library).output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    let first = words.lines().find(|line| line.contains("error"));
    Err(first.unwrap_or("the compiler fails").to_owned())
}
