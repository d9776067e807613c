//! Lets the binaries of this package find libtorch without `LD_LIBRARY_PATH`, and tells dependents where it is.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Cargo passes this on from torch-sys, to packages that name torch-sys among their own dependencies.
    if let Ok(lib) = std::env::var("DEP_TCH_LIBTORCH_LIB") {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{lib}");
        println!("cargo::metadata=libtorch_lib={lib}");
    } else {
        println!(
            "cargo::warning=torch-sys does not say where libtorch is; binaries will need LD_LIBRARY_PATH"
        );
    }
}
