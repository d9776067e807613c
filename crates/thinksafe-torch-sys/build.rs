//! Compiles the CUDA part into a library of its own, where CUDA's headers are; nothing links to it.
//!
//! The headers come with libtorch's CUDA build from PyPI, but for those of `nvidia-cuda-crt==13.0.88`, which has to be
//! installed beside it. `CUDA_HOME` names another place. Without headers the crate says at run time that it has no CUDA part.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Headers of the two packages.
const NEEDED: [&str; 2] = ["cuda_runtime_api.h", "crt/host_config.h"];

fn main() {
    println!("cargo::rerun-if-changed=cpp/graphs.cpp");
    println!("cargo::rerun-if-env-changed=CUDA_HOME");
    let Some(lib) = env::var_os("DEP_TCH_LIBTORCH_LIB").map(PathBuf::from) else { return };
    let Some(cuda) = headers(&lib) else { return };
    let Some(out) = env::var_os("OUT_DIR").map(PathBuf::from) else { return };
    match compile(&lib, &cuda, &out) {
        Ok(library) => println!("cargo::rustc-env=THINKSAFE_CUDA_GRAPHS={}", library.display()),
        Err(reason) => println!("cargo::warning=no CUDA graphs: {reason}"),
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

fn compile(lib: &Path, cuda: &Path, out: &Path) -> Result<PathBuf, String> {
    let library = out.join("libthinksafe_cuda_graphs.so");
    let torch = lib.join("../include");
    let mut compiler = Command::new(env::var_os("CXX").unwrap_or_else(|| "c++".into()));
    compiler.args(["-std=c++17", "-O2", "-shared", "-fPIC", "cpp/graphs.cpp", "-o"]).arg(&library);
    for include in [&torch, &torch.join("torch/csrc/api/include"), &cuda.to_path_buf()] {
        compiler.arg("-isystem").arg(include);
    }
    let output = compiler.output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(library);
    }
    let words = String::from_utf8_lossy(&output.stderr);
    Err(words
        .lines()
        .find(|line| line.contains("error"))
        .unwrap_or("the compiler fails")
        .to_owned())
}
